/** A record as people read it: what it says by name first, then what the node knows about it, then every value as stored. */
import { askValues } from './ask.js'
import { element, lookupLink, table, terms, webLink } from './element.js'

export function showRecord(scene) {
  const { say, answer, wanted } = scene
  const { record, way } = answer
  const title = record.attributes.name ?? record.identifier
  const tier = say(`tier.${way?.tier ?? 'registry'}`)
  const notices = []
  if (way?.stale !== undefined) notices.push(say('stale', { when: timeText(scene, way.stale.asOf) }))
  if (wanted.version !== undefined) {
    const newest = lookupLink(record.identifier, say('newest'))
    notices.push([say('olderVersion', { version: record.version }), ' ', newest])
  }
  return {
    summary: say('summary', { title, version: record.version, tier }),
    sections: [...notices.map((notice) => element('p', { class: 'notice' }, notice)), card(scene, title)],
  }
}

function card(scene, title) {
  const { record } = scene.answer
  return element(
    'section',
    { class: 'card', 'aria-labelledby': 'record-title' },
    element(
      'div',
      { class: 'card-head' },
      element('h1', { id: 'record-title', tabindex: '-1' }, title),
      badge(scene, record.state),
    ),
    element('p', { class: 'code' }, record.identifier),
    attributeTerms(scene),
    factTerms(scene),
    allValues(scene),
  )
}

export function badge({ say }, state) {
  return element('span', { class: `badge ${state}` }, say(`state.${state}`, {}, state))
}

/** Attributes in the order of their template, then values that belong to no template, by their type. */
function attributeTerms(scene) {
  const { say, language, answer, templates } = scene
  const { template, attributes, values } = answer.record
  const known = (templates.get(template)?.attributes ?? []).filter(({ name }) => Object.hasOwn(attributes, name))
  const names = new Set(known.map(({ name }) => name))
  const pairs = [
    ...known.map(({ name, label, kind }) => [label[language] ?? name, attributeData(scene, kind, attributes[name])]),
    ...Object.keys(attributes)
      .filter((name) => !names.has(name))
      .map((name) => [name, attributeData(scene, name === 'parent' ? 'identifier' : 'text', attributes[name])]),
    ...values.map(({ type, data }) => [type, webLink(dataText(scene, data))]),
  ]
  return pairs.length === 0 ? element('p', { class: 'quiet' }, say('noAttributes')) : terms(pairs, 'attributes')
}

function attributeData(scene, kind, data) {
  const text = dataText(scene, data)
  return kind === 'identifier' ? lookupLink(text) : webLink(text)
}

function factTerms(scene) {
  const { say, language, answer, templates } = scene
  const { record } = answer
  const template = templates.get(record.template)?.label[language] ?? record.template
  return terms(
    [
      [say('version'), String(record.version)],
      [say('template'), template || say('freeTemplate')],
      [say('prefix'), record.prefix],
      [say('registeredAt'), showTime(scene, record.registeredAt)],
      [say('recordedAt'), showTime(scene, record.recordedAt)],
    ],
    'facts',
  )
}

/** Read when they are asked for: most people never open them. */
function allValues(scene) {
  const { say, answer } = scene
  const { identifier, version } = answer.record
  const place = element('div', { 'aria-live': 'polite' })
  const details = element('details', {}, element('summary', {}, say('values')), place)
  const read = async () => {
    if (!details.open || place.hasChildNodes()) return
    const given = await askValues(identifier, version)
    const detail = given.problem?.detail ?? say('offlineDetail')
    place.replaceChildren(
      given.kind === 'given'
        ? valueTable(scene, given.body.values)
        : element('p', { class: 'notice' }, say('valuesFailed', { detail })),
    )
  }
  details.addEventListener('toggle', read)
  return details
}

function valueTable(scene, values) {
  const { say } = scene
  const rows = values.map((value) => ({
    cells: [
      String(value.index),
      value.type,
      element('span', { class: 'long' }, webLink(dataText(scene, value.data))),
      String(value.ttlSeconds),
      value.permissions,
      showTime(scene, value.timestamp),
    ],
  }))
  const heads = ['index', 'type', 'data', 'ttl', 'permissions', 'changed'].map((name) => say(name))
  return table(say('values'), heads, rows)
}

/** Text as it is; bytes are given as Base64. */
function dataText({ say }, data) {
  if (typeof data === 'string') return data
  const octets = Math.floor((data.value.replace(/=+$/, '').length * 3) / 4)
  return say('binary', { octets, data: data.value })
}

/** In the reader's own time zone and language. */
export function showTime(scene, iso) {
  return element('time', { datetime: iso }, timeText(scene, iso))
}

function timeText({ language }, iso) {
  const locale = language === 'zh' ? 'zh-CN' : 'en-GB'
  return new Date(iso).toLocaleString(locale, { dateStyle: 'medium', timeStyle: 'medium' })
}
