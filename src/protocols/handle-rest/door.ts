/**
 * The door of the Handle HTTP port: the JSON API of Handle servers at /api, and at every other address the redirecting proxy.
 *
 *   /api/…       api-routes.ts
 *   /{handle}    proxy.ts
 *
 * POST with Content-Type application/x-hdl-message is the native protocol's tunnel, and none of this door's.
 */
import type { FastifyInstance } from 'fastify'
import { apiRoutes, refuseUnroutable } from './api-routes.js'
import type { HandleRestOptions } from './door-options.js'
import { proxyRoutes, refuseBadPath } from './proxy.js'

export type { Administering, HandleRestOptions } from './door-options.js'

export function handleRestDoor(server: FastifyInstance, door: HandleRestOptions): void {
  server.answerEarly(refuseUnroutable)
  server.answerEarly(refuseBadPath)
  server.register(async (scope) => apiRoutes(scope, door))
  server.register(async (scope) => proxyRoutes(scope, door))
}
