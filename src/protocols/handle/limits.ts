/** Bounds that all transports share. */

/** As the reference server has it, the envelope not counted. */
export const MAX_MESSAGE_OCTETS = 262_144
