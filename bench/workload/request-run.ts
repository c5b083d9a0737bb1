/**
 * Requests as octets one behind the other, sent in an order of their own, again and again. Hundreds of thousands of single
 * buffers would be looked through by the generator's garbage collector now and then, and hold up what is due meanwhile.
 */
export function requestRun(requests: readonly Buffer[], order: Uint32Array): () => Buffer {
  const octets = Buffer.concat(requests)
  const ends = new Uint32Array(requests.length)
  let end = 0
  for (const [place, { length }] of requests.entries()) {
    end += length
    ends[place] = end
  }
  let next = 0
  return () => {
    const place = order[next]!
    next = next + 1 === order.length ? 0 : next + 1
    return octets.subarray(place === 0 ? 0 : ends[place - 1], ends[place])
  }
}
