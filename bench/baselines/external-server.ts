/** Baselines that are programs of somebody else: any command that serves on a port, in a process group of its own. */
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { startChild } from '../stage/child.js'
import { freePort } from '../stage/node-under-test.js'
import { pinnedCommand } from '../stage/pinning.js'
import { encodeRequest, LOOKUP_PATH, pathOf } from '../workload/requests.js'
import type { BaselineServer } from './run.js'

export interface ExternalServer {
  readonly name: string
  /** `{port}` stands for the port to serve on. */
  readonly command: string
  /** What it is asked for, `{identifier}` in place of the identifier; undefined: the same as the node. */
  readonly path?: string | undefined
  readonly core: number | undefined
}

/** A Java server takes its time. */
const READY_TIMEOUT_MS = 120_000
const TRY_EVERY_MS = 50

/** Resolves when something takes connections on the port. @throws Error with the command's output when nothing does */
export async function startExternalServer(server: ExternalServer): Promise<BaselineServer> {
  const port = await freePort()
  const command = server.command.replaceAll('{port}', String(port))
  const child = startChild(pinnedCommand(server.core, ['sh', '-c', command]), { group: true })
  let exit: string | undefined
  void child.exited.then((how) => {
    exit = how
  })
  const deadlineMs = performance.now() + READY_TIMEOUT_MS
  while (!(await takesConnections(port))) {
    const said = `Its output:\n${child.recentOutput()}`
    if (exit !== undefined) throw new Error(`The baseline '${command}' ${exit} before it served. ${said}`)
    if (performance.now() > deadlineMs) {
      await child.stop()
      throw new Error(`The baseline '${command}' takes no connection on 127.0.0.1:${port}. ${said}`)
    }
    await delay(TRY_EVERY_MS)
  }
  const { path } = server
  return {
    name: server.name,
    port,
    pid: child.pid,
    load: async () => undefined,
    requestsFor: (recorded) => (path === undefined ? recorded : recorded.map((request) => asked(path, request))),
    stop: child.stop,
  }
}

function asked(path: string, recorded: Buffer): Buffer {
  return encodeRequest({ path: path.replaceAll('{identifier}', pathOf(recorded).slice(LOOKUP_PATH.length)) })
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    const end = (taken: boolean) => {
      socket.destroy()
      resolve(taken)
    }
    socket.on('connect', () => end(true))
    socket.on('error', () => end(false))
  })
}
