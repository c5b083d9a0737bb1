/** A top-level node and a secondary node below it, which tells it of its changes. */
import { vi } from 'vitest'
import { type Enterprise, makeEnterprise, type TestNode, testNode } from '../support/node.js'

/** The machine may be slow, and busy with other things. */
export const PATIENT = { timeout: 60_000, interval: 25 }

export const NODE = 'heilongjiang'
export const NODE_PREFIX = '88.118'

export async function topLevelNode(): Promise<TestNode> {
  return testNode({ environment: { JIEXI_ROLE: 'top-level' } })
}

/** The secondary node is known at the top, and holds its prefix there; gives its API key. */
export async function delegateTo(top: TestNode, id = NODE, prefix = NODE_PREFIX): Promise<string> {
  return (await makeEnterprise(top, { id, prefix })).apiKey
}

export async function secondaryNode(
  parent: { readonly url: string; readonly apiKey: string },
  environment: Readonly<Record<string, string>> = {},
): Promise<TestNode> {
  return testNode({ environment: { JIEXI_PARENT: parent.url, JIEXI_PARENT_API_KEY: parent.apiKey, ...environment } })
}

export interface Told {
  readonly node: string
  readonly registered: number
  readonly applied: number
  readonly repeated: number
  readonly refused: number
  readonly walk: string | null
}

export async function toldTo(top: TestNode, node = NODE): Promise<Told | undefined> {
  const response = await fetch(`${top.url}/v1/upward/nodes`, { headers: { authorization: `Bearer ${top.adminKey}` } })
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
  const { items } = (await response.json()) as { items: readonly Told[] }
  return items.find((one) => one.node === node)
}

export interface UpwardPart {
  readonly backlog: number
  readonly refused: number
  readonly walking: boolean
  readonly failingSince: string | null
}

export async function upwardPart(node: TestNode): Promise<UpwardPart | undefined> {
  const response = await fetch(`${node.url}/readyz`)
  if (response.status !== 200) throw new Error(`not ready: ${await response.text()}`)
  return ((await response.json()) as { upward?: UpwardPart }).upward
}

export interface State {
  readonly state: string
  readonly refusal?: { readonly code: string; readonly reason: string; readonly tries: number }
}

export async function stateOf(node: TestNode, identifier: string): Promise<State | undefined> {
  const response = await fetch(`${node.url}/v1/identifiers/${identifier}?explain=1`)
  return ((await response.json()) as { propagation?: State }).propagation
}

export async function untilState(node: TestNode, identifier: string, wanted: string): Promise<State> {
  return vi.waitFor(async () => {
    const found = await stateOf(node, identifier)
    if (found?.state !== wanted) throw new Error(`${identifier} is ${found?.state}, not ${wanted}`)
    return found
  }, PATIENT)
}

export type { Enterprise, TestNode }
