/** How long tests wait for what must come, on a machine that is slow and busy with other things: only a hang takes so long. */
export const PATIENT = { timeout: 30_000 } as const
