/** Errors of the command line: what they are called, and the exit code they end with. */

export const EXIT_OK = 0
/** The thing asked for failed. */
export const EXIT_FAILED = 1
/** It was asked for in a way that cannot be meant. */
export const EXIT_USAGE = 2

/** The message says what is wrong, where, and what to do. */
export class Failure extends Error {
  readonly exitCode: number = EXIT_FAILED
}

export class UsageError extends Failure {
  override readonly exitCode = EXIT_USAGE
}
