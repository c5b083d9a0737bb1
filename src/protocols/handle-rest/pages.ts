/**
 * Pages of the proxy, for people: the values of a handle, or why there are none. Nothing of a record or a request gets in
 * unescaped, nothing runs, and the policy would not let it.
 */
import { createHash } from 'node:crypto'
import type { Value } from '../../record/record.js'
import { valueJson } from './codec-value-json.js'
import { linkOf } from './links.js'

const STYLE =
  'body{font:1rem/1.6 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}' +
  'h1{font-size:1.4rem;overflow-wrap:anywhere}table{border-collapse:collapse;width:100%}' +
  'th,td{text-align:start;vertical-align:top;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #8888;overflow-wrap:anywhere}' +
  'td:last-child{white-space:pre-wrap}'

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64')

export const PAGE_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'cross-origin-opener-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const

/** A value's data can have 64 KiB; a page is to be looked at. */
const MAX_SHOWN_CHARACTERS = 4096

export function valuesPage(handle: string, values: readonly Value[]): string {
  const rows = values.map(
    (value) =>
      `<tr><td>${value.index}</td><td><bdi>${escaped(value.type)}</bdi></td><td>${escaped(timeOf(value))}</td><td><bdi>${dataOf(value)}</bdi></td></tr>`,
  )
  const table = `<table><thead><tr><th>Index</th><th>Type</th><th>Timestamp</th><th>Data</th></tr></thead><tbody>${rows.join('')}</tbody></table>`
  const none = '<p>The handle has no values of that kind which anybody may read.</p>'
  return page(handle, `${values.length > 0 ? table : none}<p>${apiLink(handle)}</p>`)
}

export function explainingPage(title: string, text: string): string {
  return page(title, `<p>${escaped(text)}</p>`)
}

export function notFoundPage(handle: string): string {
  return page(
    'Handle not found',
    `<p>The handle <bdi><code>${escaped(handle)}</code></bdi> is not registered at this server. Look whether it is spelled right, or ask whoever gave it to you.</p>`,
  )
}

function apiLink(handle: string): string {
  return `<a href="/api/handles/${escaped(pathOf(handle))}?pretty">As JSON</a>`
}

/** As the path of an address: slashes may stand as they are. */
export function pathOf(handle: string): string {
  return encodeURIComponent(handle).replaceAll('%2F', '/').replaceAll('%3A', ':')
}

function timeOf({ timestampSeconds, ...value }: Value): string {
  return valueJson({ ...value, timestampSeconds }).timestamp ?? ''
}

function dataOf(value: Value): string {
  const { format, value: shown } = valueJson(value).data
  const text = typeof shown === 'string' ? shown : JSON.stringify(shown, null, 1)
  const link = format === 'string' ? linkOf(text) : undefined
  const short = text.length > MAX_SHOWN_CHARACTERS ? `${text.slice(0, MAX_SHOWN_CHARACTERS)}…` : text
  if (link === undefined) return format === 'base64' ? `${escaped(short)} <small>(Base64)</small>` : escaped(short)
  return `<a href="${escaped(link)}" rel="noopener noreferrer nofollow">${escaped(short)}</a>`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]!)
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head><body><h1><bdi>${escaped(title)}</bdi></h1>${body}</body></html>
`
}
