/** A batch look-up tells a withdrawal by its reason, which names the write: the version is the one that this write made. */
import type { Read, StoredVersion } from './record.js'

export function* withVersions(
  reads: Iterable<Read>,
  stored: ReadonlyMap<number, readonly StoredVersion[]>,
): Generator<Read> {
  const versions = new Map<number, number>()
  for (const history of stored.values()) for (const { content, version } of history) versions.set(content, version)
  for (const read of reads) {
    const isUntold = read.outcome === 'withdrawn' && read.version === 0
    yield isUntold ? { ...read, version: versions.get(read.content) ?? 0 } : read
  }
}
