/** The way a look-up took: one line for each layer it met, with the time at which the layer had its say. */
import { element, terms } from './element.js'
import { showTime } from './record.js'

export function showWay(scene) {
  const { say, answer } = scene
  const { way } = answer
  if (way === undefined) return ''
  const totalMs = Math.max(way.elapsedMs, ...way.steps.map((step) => step.atMs), 0.001)
  return element(
    'section',
    { class: 'card', 'aria-labelledby': 'way-title' },
    element('h2', { id: 'way-title' }, say('way')),
    element('ol', { class: 'way' }, way.steps.map(stepLine(scene, totalMs))),
    wayTerms(scene, way),
  )
}

/** The bar runs from the moment the layer before had answered to the moment this one had. */
function stepLine({ say }, totalMs) {
  let beforeMs = 0
  return (step) => {
    const [outcome, why] = step.outcome.split(/: (.*)/s)
    const bar = element('span', { class: 'bar', 'aria-hidden': 'true' })
    bar.style.marginLeft = `${(100 * beforeMs) / totalMs}%`
    bar.style.width = `${(100 * Math.max(0, step.atMs - beforeMs)) / totalMs}%`
    beforeMs = step.atMs
    const told = say(`outcome.${outcome}`, {}, outcome)
    return element(
      'li',
      { class: ENDS.has(outcome) ? 'ends' : undefined },
      element('span', { class: 'layer' }, say(`layer.${step.layer}`, {}, step.layer)),
      element('span', { class: 'outcome' }, why === undefined ? told : `${told} (${why})`),
      element('span', { class: 'ms' }, say('ms', { ms: shortMs(step.atMs) })),
      element('span', { class: 'track' }, bar),
    )
  }
}

/** Outcomes with which a layer ends the look-up. */
const ENDS = new Set(['hit', 'found', 'absent', 'withdrawn', 'referral', 'stale', 'joined'])

function wayTerms(scene, way) {
  const { say, answer } = scene
  const { authority, stale } = way
  return terms(
    [
      [say('key'), way.key],
      [say('authority'), authority === undefined ? say('nobody') : say('prefixOf', { prefix: authority.prefix })],
      [say('current'), stale === undefined ? say('now') : showTime(scene, stale.asOf)],
      [say('inNode'), say('ms', { ms: shortMs(way.elapsedMs) })],
      [say('inBrowser'), say('ms', { ms: shortMs(answer.roundTripMs) })],
    ],
    'facts',
  )
}

/** Three digits that mean something: 0.031, 1.27, 48. */
function shortMs(ms) {
  if (ms >= 10) return ms.toFixed(0)
  return ms >= 1 ? ms.toFixed(2) : ms.toFixed(3)
}
