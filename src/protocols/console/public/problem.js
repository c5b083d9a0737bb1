/** Why there is no record: the problem's words, and the place in the identifier where that is known. */
import { element } from './element.js'
import { badge } from './record.js'
import { showWay } from './way.js'

export function showProblem(scene) {
  const { say, answer, wanted } = scene
  const { problem } = answer
  const title = say(`problem.${problem.code}`, {}, problem.title ?? problem.code)
  const withdrawn = problem.code === 'identifier-withdrawn'
  const fault = problem.faults?.[0]
  const position = positionIn(wanted.identifier, fault)
  const told = say(`fault.${fault?.reason}`, {}, '')
  const body = [
    element(
      'div',
      { class: 'card-head' },
      element('h1', { id: 'problem-title', tabindex: '-1' }, title),
      withdrawn ? badge(scene, 'withdrawn') : undefined,
    ),
    position === undefined ? element('p', { class: 'code' }, wanted.identifier) : markedIdentifier(scene, position),
    told === '' ? undefined : element('p', {}, told),
    element('p', { lang: 'en' }, problem.detail),
    answer.status >= 500 ? retryButton(scene) : undefined,
  ]
  const card = element('section', { class: 'card problem', 'aria-labelledby': 'problem-title' }, body)
  return { summary: say('summaryProblem', { title }), sections: [card, showWay(scene)] }
}

/** No answer at all, or one that is neither record nor problem. */
export function showPlainProblem(scene) {
  const { say, answer } = scene
  const title = say(answer.kind)
  const card = element(
    'section',
    { class: 'card problem', 'aria-labelledby': 'problem-title' },
    element('h1', { id: 'problem-title', tabindex: '-1' }, title),
    element('p', {}, say(`${answer.kind}Detail`, { status: answer.status })),
    retryButton(scene),
  )
  return { summary: say('summaryProblem', { title }), sections: [card] }
}

/** Where the fault lies in the text as typed. For a double encoding the node counts in the path of the request instead. */
function positionIn(identifier, fault) {
  const position = fault?.reason === 'double-encoded' ? identifier.search(/%[\da-f]{2}/i) : fault?.position
  return position >= 0 && position <= identifier.length ? position : undefined
}

/** The identifier with the character at fault marked; past its end, the mark stands on a place where text is missing. */
function markedIdentifier({ say, wanted }, position) {
  const text = wanted.identifier
  const character = String.fromCodePoint(...[text.codePointAt(position)].filter((unit) => unit !== undefined))
  const marked = character === '' ? say('end') : visible(character)
  return element(
    'p',
    { class: 'code' },
    text.slice(0, position),
    element('mark', { class: character === '' ? 'missing' : undefined }, marked),
    text.slice(position + character.length),
    element('span', { class: 'quiet where' }, say('position', { position })),
  )
}

/** A character that can't be seen is shown by its code point. */
function visible(character) {
  const unseen = /[\p{C}\p{Z}]/u.test(character)
  return unseen ? `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}` : character
}

function retryButton({ say, retry }) {
  return element('button', { type: 'button', onclick: retry }, say('retry'))
}
