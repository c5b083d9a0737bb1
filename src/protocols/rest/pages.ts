/** Lists page by key: `next` is where the following page starts, null when there is none. */

export interface Paged<Item> {
  readonly items: readonly Item[]
  readonly next: string | null
}

/** `items` may hold one more than the page: then there is another page. */
export function pageOf<Item>(items: readonly Item[], limit: number, keyOf: (item: Item) => string): Paged<Item> {
  const page = items.slice(0, limit)
  const last = page.at(-1)
  return { items: page, next: items.length > limit && last !== undefined ? keyOf(last) : null }
}
