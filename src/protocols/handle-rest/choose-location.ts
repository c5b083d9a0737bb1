/**
 * Which of several locations a reader is sent to. Each way of `chooseby` that applies narrows them down; the first that leaves
 * one has chosen.
 *
 *   locatt     those whose attribute is as ?locatt=key:value asks; repeatable, and all must hold
 *   country    those of the reader's country; when there are none, those of no country
 *   weighted   one by chance, each as likely as its weight says (1 when it has none). With weight 0 it is never taken this way,
 *              unless all have 0
 */
import type { Location, Locations } from './codec-locations.js'

export interface Reader {
  /** `key:value`, as asked. */
  readonly locatt: readonly string[]
  /** Two letters in lower case; undefined when it is not known. */
  readonly country: string | undefined
  /** From 0 up to 1. */
  random(): number
}

export function chooseLocation({ chooseBy, locations }: Locations, reader: Reader): Location | undefined {
  let left = locations
  for (const way of chooseBy) {
    if (left.length <= 1) break
    if (way === 'locatt') left = byAttributes(left, reader.locatt)
    else if (way === 'country') left = byCountry(left, reader.country)
    else if (way === 'weighted') left = byWeight(left, reader.random())
  }
  return left.length === 1 ? left[0] : byWeight(left, reader.random())[0]
}

/** Nothing asked for, or nothing that has it: the other ways decide. */
function byAttributes(locations: readonly Location[], wishes: readonly string[]): readonly Location[] {
  const matching = wishes.reduce((left, wish) => {
    const colon = wish.indexOf(':')
    if (colon <= 0) return left
    const [key, value] = [wish.slice(0, colon).toLowerCase(), wish.slice(colon + 1).toLowerCase()]
    return left.filter(({ attributes }) => attributes.get(key)?.toLowerCase() === value)
  }, locations)
  return matching.length > 0 ? matching : locations
}

function byCountry(locations: readonly Location[], country: string | undefined): readonly Location[] {
  const countryOf = ({ attributes }: Location) => attributes.get('country')?.toLowerCase()
  const own = country === undefined ? [] : locations.filter((location) => countryOf(location) === country)
  if (own.length > 0) return own
  const ofNone = locations.filter((location) => countryOf(location) === undefined)
  return ofNone.length > 0 ? ofNone : locations
}

function byWeight(locations: readonly Location[], chance: number): readonly Location[] {
  const weights = locations.map(weightOf)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  if (total === 0)
    return locations.slice(Math.floor(chance * locations.length), Math.floor(chance * locations.length) + 1)
  let rest = chance * total
  const place = weights.findIndex((weight) => {
    rest -= weight
    return rest < 0
  })
  return locations.slice(place, place + 1)
}

const MAX_WEIGHT = 1e9

function weightOf({ attributes }: Location): number {
  const text = attributes.get('weight')
  if (text === undefined) return 1
  const weight = /^\d{1,10}(?:\.\d{1,10})?$/.test(text.trim()) ? Number(text) : 0
  return Math.min(weight, MAX_WEIGHT)
}
