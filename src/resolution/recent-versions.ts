/**
 * Newest versions of the keys that changed last, bounded in number. Two generations: what is set goes into the younger
 * one; when that is full it becomes the older one, and what was the older one is forgotten. Against a list in the order of use this
 * costs a fraction for each key, and imports change them by the million.
 */
export class RecentVersions {
  readonly #generationKeys: number
  readonly #keepsOlder: boolean
  #younger = new Map<string, number>()
  #older = new Map<string, number>()

  /** At most `maxKeys` are remembered, and at least the half of them that were set last. */
  constructor(maxKeys: number) {
    this.#generationKeys = Math.max(1, Math.floor(maxKeys / 2))
    this.#keepsOlder = maxKeys > 1
  }

  /** undefined: not known, or forgotten. */
  get(key: string): number | undefined {
    return this.#younger.get(key) ?? this.#older.get(key)
  }

  set(key: string, version: number): void {
    if (this.#younger.size >= this.#generationKeys && !this.#younger.has(key)) {
      if (this.#keepsOlder) this.#older = this.#younger
      this.#younger = new Map()
    }
    this.#younger.set(key, version)
  }

  clear(): void {
    this.#younger.clear()
    this.#older.clear()
  }
}
