/**
 * The page's state and its wiring: the address says what is shown (`/?id=…&version=…`), so that links, the back button
 * and sharing work; the form and every link inside only change the address.
 */
import { askHistory, askRecord, askSamples, askTemplates } from './ask.js'
import { element, lookupAddress, lookupLink } from './element.js'
import { showHistory } from './history.js'
import { showPlainProblem, showProblem } from './problem.js'
import { showRecord } from './record.js'
import { showWay } from './way.js'
import { firstLanguage, LANGUAGES, rememberLanguage, speaker } from './words.js'

const HISTORY_LIMIT = 20

const form = document.querySelector('#ask')
const input = document.querySelector('#identifier')
const status = document.querySelector('#status')
const result = document.querySelector('#result')
const samples = document.querySelector('#samples')
const languageButton = document.querySelector('#language')

let language = firstLanguage()
let say = speaker(language)
let underWay = new AbortController()
/** What is shown now, kept so that a change of language draws it again without asking again. */
let shown = { wanted: undefined, answer: undefined, versions: [], historyProblem: undefined, next: undefined }
let listedSamples = []
const templatesAsked = askTemplates()
let templates = new Map()

function wantedFromAddress() {
  const query = new URLSearchParams(location.search)
  const identifier = (query.get('id') ?? '').trim()
  const version = Number.parseInt(query.get('version') ?? '', 10)
  if (identifier === '') return undefined
  return version >= 1 ? { identifier, version } : { identifier }
}

function go(identifier, version) {
  const address = lookupAddress(identifier, version)
  if (address === location.pathname + location.search) history.replaceState(null, '', address)
  else history.pushState(null, '', address)
  return follow()
}

/** Shows what the address says. An answer that comes after the next question was asked is dropped. */
async function follow() {
  underWay.abort()
  underWay = new AbortController()
  const { signal } = underWay
  const wanted = wantedFromAddress()
  input.value = wanted?.identifier ?? ''
  shown = { wanted, answer: undefined, versions: [], historyProblem: undefined, next: undefined }
  if (wanted === undefined) return draw()

  result.setAttribute('aria-busy', 'true')
  status.className = ''
  status.textContent = say('asking')
  try {
    const answer = await askRecord(wanted, signal)
    templates = (await templatesAsked) ?? templates
    if (signal.aborted) return
    shown = { ...shown, answer }
    result.removeAttribute('aria-busy')
    draw()
    if (hasHistory(answer)) await readHistory(wanted.identifier, signal)
  } catch (error) {
    if (error.name !== 'AbortError') throw error
  }
}

function hasHistory(answer) {
  return answer.kind === 'record' || (answer.kind === 'problem' && answer.problem.code === 'identifier-withdrawn')
}

async function readHistory(identifier, signal) {
  const answer = await askHistory(identifier, { before: shown.next, limit: HISTORY_LIMIT }, signal)
  if (signal.aborted) return
  if (answer.kind === 'given') {
    const { items, next } = answer.body
    shown = { ...shown, versions: [...shown.versions, ...items], next, historyProblem: undefined }
  } else shown = { ...shown, historyProblem: answer }
  drawHistory()
}

function draw() {
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en'
  document.title = say('documentTitle')
  for (const labelled of document.querySelectorAll('[data-word]')) labelled.textContent = say(labelled.dataset.word)
  const other = otherLanguage()
  languageButton.textContent = LANGUAGES[other]
  languageButton.lang = other
  drawSamples()
  drawResult()
}

function drawResult() {
  const { wanted, answer } = shown
  if (answer === undefined) {
    result.replaceChildren()
    status.textContent = wanted === undefined ? '' : say('asking')
    status.className = ''
    return
  }
  status.className = answer.kind === 'record' ? '' : 'spoken'
  const scene = { say, language, wanted, answer, templates, retry: follow }
  if (answer.kind === 'record') {
    const { record } = answer
    document.title = `${record.attributes.name ?? record.identifier} · Jiexi`
    const drawn = showRecord(scene)
    status.textContent = drawn.summary
    result.replaceChildren(...drawn.sections, showWay(scene), historyPlace())
  } else {
    const drawn = answer.kind === 'problem' ? showProblem(scene) : showPlainProblem(scene)
    status.textContent = drawn.summary
    result.replaceChildren(...drawn.sections, ...(hasHistory(answer) ? [historyPlace()] : []))
  }
  drawHistory()
}

function historyPlace() {
  return element('section', { id: 'history', class: 'card', 'aria-labelledby': 'history-title', hidden: true })
}

function drawHistory() {
  const place = document.querySelector('#history')
  if (place === null || (shown.versions.length === 0 && shown.historyProblem === undefined)) return
  const { signal } = underWay
  const scene = { ...shown, say, language, readMore: () => readHistory(shown.wanted.identifier, signal) }
  place.replaceChildren(...showHistory(scene))
  place.hidden = false
}

function drawSamples() {
  samples.hidden = listedSamples.length === 0
  samples
    .querySelector('ul')
    .replaceChildren(
      ...listedSamples.map((sample) =>
        element(
          'li',
          {},
          element('span', { class: 'quiet' }, say(`sample.${sample.kind}`, {}, sample.kind)),
          ' ',
          lookupLink(sample.identifier),
        ),
      ),
    )
}

function otherLanguage() {
  return language === 'en' ? 'zh' : 'en'
}

form.addEventListener('submit', (event) => {
  event.preventDefault()
  const identifier = input.value.trim()
  if (identifier === '') {
    status.className = ''
    status.textContent = say('empty')
    input.focus()
  } else go(identifier)
})

languageButton.addEventListener('click', () => {
  language = otherLanguage()
  say = speaker(language)
  rememberLanguage(language)
  draw()
})

document.addEventListener('click', (event) => {
  const link = event.target.closest?.('a[data-lookup]')
  const plainly = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey
  if (!link || !plainly) return
  event.preventDefault()
  const query = new URL(link.href).searchParams
  const version = query.get('version')
  go(query.get('id'), version === null ? undefined : Number(version)).then(() =>
    // The link that was followed may be gone: reading goes on at what it led to.
    document.querySelector('#result h1')?.focus(),
  )
})

addEventListener('popstate', follow)

draw()
askSamples().then((found) => {
  listedSamples = found
  drawSamples()
})
follow()
