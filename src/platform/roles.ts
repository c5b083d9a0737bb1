/** What a node is in the national system, and what follows from it. */
export const ROLES = ['secondary', 'top-level', 'enterprise', 'recursive'] as const
export type Role = (typeof ROLES)[number]

export interface RoleFacts {
  /** Prefixes that may be allotted here: any, those at or below the node's own, or none, because it only asks others. */
  readonly holds: 'any' | 'own' | 'none'
  /** Whose changes are taken: of whoever holds a prefix, of those who answer for theirs themselves, or of nobody. */
  readonly takesChangesOf: 'holders' | 'self-built' | 'nobody'
  readonly takesReports: boolean
  /** Owes reports to the node above. */
  readonly reports: boolean
}

export const ROLE_FACTS: Readonly<Record<Role, RoleFacts>> = {
  secondary: { holds: 'any', takesChangesOf: 'self-built', takesReports: false, reports: true },
  'top-level': { holds: 'any', takesChangesOf: 'holders', takesReports: true, reports: true },
  enterprise: { holds: 'own', takesChangesOf: 'nobody', takesReports: false, reports: false },
  recursive: { holds: 'none', takesChangesOf: 'nobody', takesReports: false, reports: false },
}
