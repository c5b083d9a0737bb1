/** Real products and generated parts of the demonstration catalogue, each registered at one place of the country. */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { type DemoRow, factory, productRows } from '../../src/demo/catalogue.js'
import type { RestartableNode } from '../support/restartable-node.js'
import type { Place, PlaceName } from './country.js'

export interface Good {
  readonly identifier: string
  readonly owner: PlaceName
  /** As it was registered: contentOf. */
  readonly content: string
}

interface Registered {
  readonly identifier: string
  readonly template: string
  readonly attributes: Readonly<Record<string, string>>
  readonly values: readonly { readonly index: number; readonly type: string; readonly data: string }[]
}

const PRODUCTS = path.resolve(import.meta.dirname, '../../src/demo/products.csv.gz')
const BATCH = 500
const FREE_VALUE = /^value:(\d+):(.+)$/

/** Dealt out to the places that hold prefixes. */
export async function registerGoods(places: readonly Place[], rows: readonly DemoRow[]): Promise<readonly Good[]> {
  const owners = places.filter((place) => place.holder !== undefined)
  const dealt = owners.map((_, turn) => rows.filter((_row, at) => at % owners.length === turn))
  const goods = await Promise.all(owners.map((place, turn) => registerAt(place, dealt[turn]!)))
  return goods.flat()
}

/** As they come in the catalogue, products and parts in turn. */
export async function catalogue(): Promise<readonly DemoRow[]> {
  const products = productRows((await promisify(gunzip)(await readFile(PRODUCTS))).toString())
  const { machines, parts } = factory()
  const made = [...machines, ...parts]
  return Array.from({ length: Math.max(products.length, made.length) }, (_, at) => [products[at], made[at]])
    .flat()
    .filter((row) => row !== undefined)
}

async function registerAt({ node, name, holder }: Place, rows: readonly DemoRow[]): Promise<readonly Good[]> {
  const items = rows.map((row) => itemOf(row, holder!.prefix))
  for (let at = 0; at < items.length; at += BATCH)
    await registerBatch(node, holder!.apiKey, items.slice(at, at + BATCH))
  return items.map(({ identifier, attributes, values }) => {
    const named = Object.entries(attributes).map(([type, data]) => ({ type, data }))
    return { identifier, owner: name, content: contentOf([...named, ...values]) }
  })
}

async function registerBatch({ url }: RestartableNode, apiKey: string, items: readonly Registered[]): Promise<void> {
  const response = await fetch(`${url}/v1/identifiers:batch?wait=visible`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ items }),
  })
  const said = (await response.json()) as { readonly results?: readonly { readonly status: number }[] }
  const wrong = said.results?.find(({ status }) => status !== 201)
  if (!response.ok || wrong !== undefined)
    throw new Error(`${url}: ${response.status} ${JSON.stringify(wrong ?? said)}`)
}

/** The same product at another place has another identifier: what comes after the prefix is its own. */
function itemOf({ identifier, template, cells }: DemoRow, prefix: string): Registered {
  const free = Object.entries(cells).flatMap(([column, data]) => {
    const [, index, type] = FREE_VALUE.exec(column) ?? []
    return type === undefined ? [] : [{ index: Number(index), type, data }]
  })
  const attributes = Object.fromEntries(Object.entries(cells).filter(([column]) => !FREE_VALUE.test(column)))
  return { identifier: `${prefix}${identifier.slice(identifier.indexOf('/'))}`, template, attributes, values: free }
}

/** What must be the same wherever it is asked for: types and data of all values. */
export function contentOf(values: readonly { readonly type: string; readonly data: unknown }[]): string {
  return JSON.stringify(values.map(({ type, data }) => [type, data]).sort())
}
