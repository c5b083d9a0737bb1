/** Every version there has been, newest first; each can be opened as it was. */
import { element, lookupLink, table } from './element.js'
import { badge, showTime } from './record.js'

/** The parts of the history's card. */
export function showHistory(scene) {
  const { say, wanted, versions, next, historyProblem, readMore } = scene
  const parts = [element('h2', { id: 'history-title' }, say('history'))]
  if (versions.length > 0) {
    const heads = ['version', 'state', 'recorded'].map((name) => say(name))
    if (versions.some(({ reason }) => reason)) heads.push(say('reason'))
    const rows = versions.map((version) => versionRow(scene, version))
    parts.push(table(say('history'), heads, rows))
  }
  if (historyProblem !== undefined) {
    const detail = historyProblem.problem?.detail ?? say('offlineDetail')
    parts.push(element('p', { class: 'notice' }, say('historyFailed', { detail })))
  }
  if (next) parts.push(element('button', { type: 'button', onclick: readMore }, say('historyMore')))
  return wanted === undefined ? [] : parts
}

function versionRow(scene, version) {
  const { say, wanted, versions } = scene
  const isShown = version.version === (wanted.version ?? versions[0].version)
  const number = isShown
    ? `${version.version} (${say('shown')})`
    : lookupLink(wanted.identifier, String(version.version), version === versions[0] ? undefined : version.version)
  return {
    current: isShown,
    cells: [
      number,
      badge(scene, version.state),
      showTime(scene, version.recordedAt),
      ...(version.reason ? [element('span', { class: 'long' }, version.reason)] : []),
    ],
  }
}
