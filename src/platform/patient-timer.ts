/**
 * A timer for what must have come by then. After a pause of this process, by a busy machine or a collection of garbage, timers
 * come before what has arrived meanwhile. Nobody is late who was there: what has arrived is read first, in one turn of the event
 * loop, and what somebody in this process makes of it in another.
 */
export function patientTimer(ms: number, late: () => void): () => void {
  let turn: NodeJS.Immediate | undefined
  const timer = setTimeout(() => {
    turn = setImmediate(() => {
      turn = setImmediate(late)
    })
  }, Math.ceil(ms))
  return () => {
    clearTimeout(timer)
    clearImmediate(turn)
  }
}
