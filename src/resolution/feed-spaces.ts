/**
 * The keys of the change feed: a space, a colon, a name within it.
 *
 *   i:88.118.8/x      an identifier by its canonical key; version: the one the transaction made
 *   p:88.118.8        a prefix: allotted, handed over, suspended, resumed, itself or with its holder; its version
 *   k:abcdefgh2345    an API key by its id: issued, changed, revoked, suspended or resumed with its enterprise; its version
 *   r:site            the node's own site, by the number of its change
 *
 * `g:` (grants) is set aside; nothing writes it yet. Whoever reads the feed passes over a
 * space it does not know, for during an upgrade a newer process may write to one: that costs nothing but an entry in the
 * exact map and a slot of the sketch.
 */
export const FEED_SPACES = { identifier: 'i', prefix: 'p', apiKey: 'k', route: 'r' } as const

export type FeedSpace = keyof typeof FEED_SPACES

export const identifierFeedKey = (key: string): string => `i:${key}`
export const prefixFeedKey = (prefix: string): string => `p:${prefix}`
export const apiKeyFeedKey = (apiKeyId: string): string => `k:${apiKeyId}`
export const SITE_FEED_KEY = 'r:site'

/** The name, if the key is of that space. */
export function nameIn(space: FeedSpace, feedKey: string): string | undefined {
  return feedKey.charAt(1) === ':' && feedKey.charAt(0) === FEED_SPACES[space] ? feedKey.slice(2) : undefined
}
