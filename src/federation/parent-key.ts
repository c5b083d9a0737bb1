/** The key that vouches for what the node above says. */
import { createPublicKey, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { messageOf, NodeError } from '../platform/errors.js'

/** @throws NodeError `request-malformed` for a file that has no public key */
export async function parentKeyIn(file: string | undefined): Promise<KeyObject | undefined> {
  if (file === undefined) return undefined
  try {
    return createPublicKey(await readFile(file))
  } catch (cause) {
    throw new NodeError('request-malformed', `JIEXI_PARENT_PUBLIC_KEY cannot be used: ${messageOf(cause)}`, { cause })
  }
}
