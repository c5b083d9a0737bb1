/**
 * Values that hold a secret by which somebody proves who he is: HS_SECKEY. Whatever its permissions say, such a value is for
 * nobody but who may write the record: whoever reads it can act as its owner.
 */
import { PUBLIC_READ, PUBLIC_WRITE, type Value } from './record.js'

const SECRET_TYPE = /^hs_seckey(?:\.|$)/i
const SMALL_H = 0x68

/** In any case, and subtypes too. */
export function isSecretType(type: string): boolean {
  // One comparison settles it for nearly every value.
  return (type.charCodeAt(0) | 0x20) === SMALL_H && SECRET_TYPE.test(type)
}

/** A secret whose permissions give it away. */
export function isExposed({ type, permissions }: Pick<Value, 'type' | 'permissions'>): boolean {
  return (permissions & (PUBLIC_READ | PUBLIC_WRITE)) !== 0 && isSecretType(type)
}
