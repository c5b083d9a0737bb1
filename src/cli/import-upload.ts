/**
 * Sends a file to an import until the import is done: after a lost connection, a node restarted or a database away it asks
 * where the import stands and goes on there. Only time without any progress ends it.
 */
import { setTimeout } from 'node:timers/promises'
import { isUnavailable, messageOf, type NodeError } from '../platform/errors.js'
import { type HttpResponse, readJson } from '../platform/http-client.js'
import { Failure } from './failure.js'
import type { ImportJson, Progress } from './import-progress.js'
import { type NodeClient, refusal } from './node-client.js'
import { shown } from './terminal.js'

export interface UploadTask {
  readonly node: NodeClient
  readonly id: string
  /** The content from an octet on; undefined when it cannot be had a second time. */
  readonly contentFrom: (offset: number) => AsyncIterable<Uint8Array>
  readonly resumable: boolean
  readonly retryForMs: number
  readonly progress: Progress
  readonly interrupted: AbortSignal
}

const FIRST_PAUSE_MS = 500
const LAST_PAUSE_MS = 10_000
const LOOK_EVERY_MS = 500

/** The import as it ended: finished or halted. @throws Failure */
export async function uploadAll(task: UploadTask, job: ImportJson): Promise<ImportJson> {
  const say = sayOnce(task.progress)
  let now = job
  let pauseMs = FIRST_PAUSE_MS
  let movedAtMs = performance.now()
  while (!hasEnded(now)) {
    const before = now.offset
    const trouble = now.state === 'running' ? BUSY : await sendOnce(task, now)
    task.interrupted.throwIfAborted()
    now = await standOf(task, movedAtMs)
    if (trouble === undefined || hasEnded(now)) continue
    if (now.offset > before) {
      movedAtMs = performance.now()
      pauseMs = FIRST_PAUSE_MS
    }
    if (trouble.final || !task.resumable) throw trouble.failure
    if (performance.now() - movedAtMs > task.retryForMs) throw gaveUp(task, trouble.failure)
    if (trouble.isBusy) {
      say(trouble.failure.message)
      // Looking how far it is disturbs nobody, so that need not wait as long as Retry-After says.
      pauseMs = LOOK_EVERY_MS
    } else {
      pauseMs = Math.max(pauseMs, trouble.retryAfterMs)
      say(firstLine(trouble.failure), ` Trying again in ${pauseMs / 1000} s.`)
    }
    await setTimeout(pauseMs, undefined, { signal: task.interrupted })
    pauseMs = Math.min(pauseMs * 2, LAST_PAUSE_MS)
    now = await standOf(task, movedAtMs)
    task.progress.show(now)
  }
  return now
}

function hasEnded({ state }: ImportJson): boolean {
  return state === 'finished' || state === 'halted'
}

/** Says a thing again only after another one. */
function sayOnce(progress: Progress): (what: string, more?: string) => void {
  let last = ''
  return (what, more = '') => {
    if (what !== last) progress.say(what + more)
    last = what
  }
}

function firstLine(failure: Failure): string {
  return failure.message.split('\n', 1)[0] ?? ''
}

interface Trouble {
  readonly failure: Failure
  /** Trying again would give the same. */
  readonly final: boolean
  /** An upload that was broken off still holds the import, or has moved its offset on in the meantime. */
  readonly isBusy: boolean
  /** 0: as soon as wanted. */
  readonly retryAfterMs: number
}

/** Nothing is sent until the node is done with what it has. */
const BUSY: Trouble = {
  failure: new Failure('The node is still finishing what it received; going on by itself.'),
  final: false,
  isBusy: true,
  retryAfterMs: 0,
}

/** Sends what is left, showing how far the import is meanwhile. */
async function sendOnce(task: UploadTask, { offset }: ImportJson): Promise<Trouble | undefined> {
  const done = new AbortController()
  const watching = watch(task, done.signal)
  try {
    const response = await task.node.send({
      method: 'PATCH',
      path: `/v1/imports/${task.id}/content`,
      headers: { 'upload-offset': String(offset), 'content-type': 'application/octet-stream' },
      content: task.contentFrom(offset),
      // Per step: the node makes the sender wait while it writes, and waits itself for a database that is away.
      timeoutMs: 120_000,
      signal: task.interrupted,
    })
    return response.status < 300 ? undefined : troubleOf(response)
  } catch (error) {
    if (!isUnavailable(error)) throw error
    return { failure: new Failure(messageOf(error), { cause: error }), final: false, isBusy: false, retryAfterMs: 0 }
  } finally {
    done.abort()
    await watching
  }
}

function troubleOf(response: HttpResponse): Trouble {
  const { status, headers } = response
  if (status === 409) return BUSY
  return {
    failure: refusal(response),
    final: status !== 503 && status !== 507 && status !== 408,
    isBusy: false,
    retryAfterMs: retryAfterMsOf(headers['retry-after']),
  }
}

/** Only seconds: the node gives no dates. */
function retryAfterMsOf(text: string | undefined): number {
  return text !== undefined && /^\d{1,4}$/.test(text) ? Number(text) * 1000 : 0
}

/** Looks now and then how far the import is. A look that fails is no harm: the upload notices by itself. */
async function watch(task: UploadTask, done: AbortSignal): Promise<void> {
  const signal = AbortSignal.any([done, task.interrupted])
  while (!signal.aborted) {
    try {
      await setTimeout(LOOK_EVERY_MS, undefined, { signal })
      const response = await task.node.send({ path: `/v1/imports/${task.id}`, timeoutMs: 5_000, signal })
      if (response.status === 200) task.progress.show(readJson(response) as ImportJson)
    } catch (error) {
      if (!signal.aborted && !isUnavailable(error)) throw error
    }
  }
}

/** Where the import stands, asked until there is an answer. */
async function standOf(task: UploadTask, movedAtMs: number): Promise<ImportJson> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LAST_PAUSE_MS)) {
    try {
      const response = await task.node.send({ path: `/v1/imports/${task.id}`, signal: task.interrupted })
      if (response.status === 200) return readJson(response) as ImportJson
      if (response.status < 500) throw refusal(response)
    } catch (error) {
      if (!isUnavailable(error)) throw error
      if (performance.now() - movedAtMs > task.retryForMs) throw gaveUp(task, error)
      task.progress.say(`${shown(messageOf(error))} Trying again in ${pauseMs / 1000} s.`)
    }
    await setTimeout(pauseMs, undefined, { signal: task.interrupted })
  }
}

function gaveUp(task: UploadTask, error: unknown): NodeError | Failure {
  const seconds = Math.round(task.retryForMs / 1000)
  return new Failure(
    `Nothing went forward for ${seconds} s, the last reason being: ${messageOf(error)}\nNothing that was done is lost: run the same command again to go on with import ${task.id}.`,
    { cause: error },
  )
}
