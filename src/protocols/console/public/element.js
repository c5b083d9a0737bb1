/** Elements made of text and other elements, never of markup: what a record says can't become part of the page. */
export function element(tag, attributes, ...children) {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === false) continue
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value)
    else made.setAttribute(name, value === true ? '' : value)
  }
  made.append(...children.flat().filter((child) => child !== undefined && child !== ''))
  return made
}

/** A table that scrolls within itself where the window is narrow. `rows` are arrays of text or elements. */
export function table(caption, heads, rows) {
  const head = heads.map((text) => element('th', { scope: 'col' }, text))
  const body = rows.map(({ cells, current }) =>
    element(
      'tr',
      { 'aria-current': current ? 'true' : undefined },
      cells.map((cell) => element('td', {}, cell)),
    ),
  )
  return element(
    'div',
    { class: 'scroll', role: 'region', 'aria-label': caption, tabindex: '0' },
    element('table', {}, element('thead', {}, element('tr', {}, head)), element('tbody', {}, body)),
  )
}

/** Terms with what they mean for this record; pairs without a value are left out. */
export function terms(pairs, className) {
  const rows = pairs
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([term, value]) => element('div', {}, element('dt', {}, term), element('dd', {}, value)))
  return element('dl', { class: className }, rows)
}

/** A place in this page: one that can be opened in another tab, and followed without loading the page anew. */
export function lookupLink(identifier, text, version) {
  return element('a', { href: lookupAddress(identifier, version), 'data-lookup': '' }, text ?? identifier)
}

export function lookupAddress(identifier, version) {
  const query = new URLSearchParams({ id: identifier })
  if (version !== undefined) query.set('version', String(version))
  // A slash is allowed in a query, and an identifier is easier to read with it.
  return `/?${query.toString().replaceAll('%2F', '/')}`
}

/** Only the web's own schemes become links: `javascript:` and the like stay text. */
export function webLink(text) {
  if (!/^https?:\/\/[^\s]+$/i.test(text) || !URL.canParse(text)) return text
  return element('a', { href: text, rel: 'noopener noreferrer', target: '_blank' }, text)
}
