/** What both ways of loading a server share: what is sent, what is expected back, how busy the generator was. */

export interface Load {
  readonly port: number
  /** Further ports of what is measured as one: connections are dealt out over all of them. */
  readonly otherPorts?: readonly number[]
  readonly connections: number
  readonly durationMs: number
  /** The next request of the seeded sequence. */
  nextRequest(): Buffer
  /** One for all, or that of each request. */
  readonly expectStatus: number | ((request: Buffer) => number)
}

/** Above this share of a core the generator, not the server, is taken to have set the pace. */
export const GENERATOR_LIMIT = 0.9

export function portOf({ port, otherPorts = [] }: Load, connection: number): number {
  return [port, ...otherPorts][connection % (1 + otherPorts.length)]!
}

/** Counts answers, those of another status apart: they are never part of a figure without being told. */
export interface AnswerCount {
  readonly answers: number
  readonly octets: number
  /** Answers by status, where it was not the one expected. */
  readonly unexpected: ReadonlyMap<number, number>
  count(answer: { readonly status: number; readonly octets: number; readonly request: Buffer }): void
}

export function answerCount(expectStatus: Load['expectStatus']): AnswerCount {
  const expected = typeof expectStatus === 'number' ? () => expectStatus : expectStatus
  let answers = 0
  let octets = 0
  const unexpected = new Map<number, number>()
  return {
    get answers() {
      return answers
    },
    get octets() {
      return octets
    },
    unexpected,
    count: ({ status, octets: more, request }) => {
      answers += 1
      octets += more
      if (status !== expected(request)) unexpected.set(status, (unexpected.get(status) ?? 0) + 1)
    },
  }
}

/** CPU seconds of this process since `since`, all threads, user and system. */
export function cpuSecondsSince(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1e6
}
