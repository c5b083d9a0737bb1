/** Who is asking. Readers need no key; a key belongs to the administrator or to one enterprise. */
export const SCOPES = ['read', 'write', 'keys'] as const
export type Scope = (typeof SCOPES)[number]

export interface Anonymous {
  readonly kind: 'anonymous'
}

export interface Administrator {
  readonly kind: 'administrator'
  readonly apiKeyId: string
}

export interface EnterpriseUser {
  readonly kind: 'enterprise'
  readonly enterpriseId: string
  readonly apiKeyId: string
  readonly scopes: readonly Scope[]
  /** When given, the key is good only for these prefixes of its enterprise. */
  readonly prefixes?: readonly string[]
}

export type Principal = Anonymous | Administrator | EnterpriseUser

export const ANONYMOUS: Anonymous = { kind: 'anonymous' }
