/**
 * What a node in the top-level role received, for its administrator. The API key stays in this page: it is neither stored
 * nor put into an address, and is gone when the page is left.
 */
import { askNode } from './ask.js'
import { element, table } from './element.js'
import { firstLanguage, LANGUAGES, rememberLanguage, speaker } from './words.js'

const PAGE = 50

const form = document.querySelector('#ask')
const keyInput = document.querySelector('#api-key')
const nodeInput = document.querySelector('#node')
const tableSelect = document.querySelector('#table')
const status = document.querySelector('#status')
const result = document.querySelector('#result')
const documentCard = document.querySelector('#document')
const languageButton = document.querySelector('#language')

let language = firstLanguage()
let say = speaker(language)
let tables = []
let underWay = new AbortController()
/** What is shown now, so that a change of language draws it again without asking again. */
let shown = { items: [], next: null, problem: undefined, isAsked: false }

async function show() {
  underWay.abort()
  underWay = new AbortController()
  documentCard.hidden = true
  shown = { items: [], next: null, problem: undefined, isAsked: true }
  await readMore(underWay.signal)
}

async function readMore(signal) {
  const query = new URLSearchParams({ limit: String(PAGE) })
  if (shown.next !== null) query.set('after', shown.next)
  if (nodeInput.value.trim() !== '') query.set('node', nodeInput.value.trim())
  if (tableSelect.value !== '') query.set('table', tableSelect.value)
  const answer = await ask(`/v1/received-reports?${query}`, signal)
  if (answer === undefined) return
  if (answer.kind === 'given') {
    const { items, next } = answer.body
    shown = { ...shown, items: [...shown.items, ...items], next, problem: undefined }
  } else shown = { ...shown, problem: answer }
  draw()
}

/** undefined: something else was asked for meanwhile. */
async function ask(address, signal) {
  try {
    const answer = await askNode(address, { signal, apiKey: keyInput.value.trim() })
    return signal.aborted ? undefined : answer
  } catch (error) {
    if (error.name === 'AbortError') return undefined
    throw error
  }
}

async function open(id) {
  const answer = await ask(`/v1/received-reports/${id}`, underWay.signal)
  if (answer === undefined) return
  documentCard.hidden = false
  const isGiven = answer.kind === 'given'
  const missing = isGiven ? answer.body.missing.map(({ field }) => field) : []
  documentCard.querySelector('#missing').textContent =
    missing.length === 0 ? '' : say('reports.missing', { fields: missing.join(', ') })
  documentCard.querySelector('pre').textContent = isGiven ? JSON.stringify(answer.body, null, 2) : detailOf(answer)
  documentCard.scrollIntoView?.({ block: 'nearest' })
}

function detailOf(answer) {
  if (answer.kind === 'problem') return answer.problem.detail
  return answer.kind === 'offline' ? say('offlineDetail') : say('unreadableDetail', { status: answer.status })
}

function titleOf(name) {
  const title = tables.find((one) => one.table === name)?.title
  return title === undefined ? name : `${name} ${title[language] ?? title.en}`
}

function draw() {
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en'
  document.title = say('reports.documentTitle')
  for (const labelled of document.querySelectorAll('[data-word]')) labelled.textContent = say(labelled.dataset.word)
  const other = language === 'en' ? 'zh' : 'en'
  languageButton.textContent = LANGUAGES[other]
  languageButton.lang = other
  drawTables()
  drawReports()
}

function drawTables() {
  const chosen = tableSelect.value
  tableSelect.replaceChildren(
    element('option', { value: '' }, say('reports.all')),
    ...tables.map(({ table: name }) => element('option', { value: name }, titleOf(name))),
  )
  tableSelect.value = chosen
}

function drawReports() {
  const { items, next, problem, isAsked } = shown
  status.className = problem === undefined ? '' : 'spoken'
  if (problem !== undefined) status.textContent = say('reports.failed', { detail: detailOf(problem) })
  else if (!isAsked) status.textContent = ''
  else status.textContent = items.length === 0 ? say('reports.none') : say('reports.count', { count: items.length })
  if (items.length === 0) return result.replaceChildren()
  const heads = ['node', 'table', 'period', 'revision', 'part', 'received', 'document']
  const rows = items.map((item) => ({ cells: cellsOf(item) }))
  const more = element('button', { type: 'button', onclick: () => readMore(underWay.signal) }, say('reports.more'))
  const titles = heads.map((head) => say(`reports.${head}`))
  result.replaceChildren(table(say('reports.title'), titles, rows), ...(next === null ? [] : [more]))
}

function cellsOf({ id, node, table: name, period, revision, part, receivedAt }) {
  const when = new Date(receivedAt).toLocaleString(language === 'zh' ? 'zh-CN' : 'en-GB')
  const opener = element('button', { type: 'button', onclick: () => open(id) }, say('reports.open'))
  return [node, titleOf(name), period, String(revision), String(part), when, opener]
}

form.addEventListener('submit', (event) => {
  event.preventDefault()
  show()
})

languageButton.addEventListener('click', () => {
  language = language === 'en' ? 'zh' : 'en'
  say = speaker(language)
  rememberLanguage(language)
  draw()
})

draw()
askNode('/v1/schemas/reports').then((answer) => {
  tables = answer.kind === 'given' ? answer.body.items : []
  draw()
})
