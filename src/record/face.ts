/**
 * A face of a record: the octets that a door sends of it to whoever asks plainly, without a selection and as the public.
 * Made once per version, and kept beside the answer where a cache has room for it. Octets are a string of latin1
 * characters: node writes a head and such a body in one piece.
 */
import type { Found } from './answer.js'

/** Which door a face is of. A number, because it is kept in bytes; never given to another door again. */
export const FACE_IDS = { restJson: 1, handleValues: 2 } as const

export interface Face {
  readonly id: (typeof FACE_IDS)[keyof typeof FACE_IDS]
  encode(answer: Found): string
}

/** The faces kept beside one answer. */
export interface Faces {
  find(face: Face): string | undefined
  /** The same as octets where they stand: never to be written to. */
  view(face: Face): Buffer | undefined
  keep(face: Face, octets: string): void
}

/** Of an answer that lives as long as it takes to send it: the face that its door asked for. */
export class OneFace implements Faces {
  #face: Face | undefined
  #octets = ''

  find(face: Face): string | undefined {
    return this.#face === face ? this.#octets : undefined
  }

  view(face: Face): Buffer | undefined {
    return this.#face === face ? Buffer.from(this.#octets, 'latin1') : undefined
  }

  keep(face: Face, octets: string): void {
    this.#face = face
    this.#octets = octets
  }
}

/** Faces of answers that nothing is kept beside: whoever fills a cache and whoever answers make the same one. */
const made = new WeakMap<Found, { readonly face: Face; readonly octets: string }>()

export function faceOf(answer: Found, face: Face): string {
  const { faces } = answer
  const kept = faces === undefined ? made.get(answer) : undefined
  const held = kept?.face === face ? kept.octets : faces?.find(face)
  if (held !== undefined) return held

  const octets = face.encode(answer)
  if (faces === undefined) made.set(answer, { face, octets })
  else faces.keep(face, octets)
  return octets
}

/** The same as octets, for a door that copies them: never to be written to. */
export function faceOctets(answer: Found, face: Face): Buffer {
  return answer.faces?.view(face) ?? Buffer.from(faceOf(answer, face), 'latin1')
}
