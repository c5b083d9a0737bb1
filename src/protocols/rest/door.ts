/**
 * The REST door, `/v1`: one scope with its own schemas and its OpenAPI document. Plain look-ups are answered before
 * routing; the rest of the requests pay for their comfort.
 */
import { type TypeBoxTypeProvider, TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
  RouteOptions,
} from 'fastify'
import { Settings } from 'typebox/system'
import { type Authenticate, authenticator } from '../http/authenticate.js'
import { docs } from './docs.js'
import type { RestOptions } from './door-options.js'
import { apiKeyRoutes, enterpriseRoutes } from './enterprises.js'
import { lookupRoutes } from './lookup-routes.js'
import { plainLane } from './plain-lane.js'
import { plainLookup, refuseBadEscapes } from './plain-lookup.js'
import { prefixRoutes } from './prefixes.js'
import { propagationRoutes } from './propagation.js'
import { changeRoute, templateRoutes, whoamiRoute } from './reference.js'
import { writeRoutes } from './write-routes.js'

export type { RestOptions } from './door-options.js'

/** What the files of this door add their routes to. */
export interface Scope {
  readonly app: RestScope
  readonly door: RestOptions
  readonly authenticate: Authenticate
}

export type RestScope = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression<RawServerDefault>,
  RawReplyDefaultExpression<RawServerDefault>,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

/** A request's faults are told together: the library's own bound is 8. */
const MAX_SCHEMA_ERRORS = 100

export function restDoor(server: FastifyInstance, door: RestOptions): void {
  const { remembered, resolve, clock } = door
  if (remembered !== undefined) server.openLane((observe) => plainLane({ remembered, resolve, clock, observe }))
  server.answerEarly(plainLookup(resolve, clock))
  server.answerEarly(refuseBadEscapes)
  server.register(async (plain) => {
    plain.addHook('onRoute', sayWhatIsTaken)
    plain.addHook('onRequest', keepNothing)
    await docs(plain)
    const app = plain.withTypeProvider<TypeBoxTypeProvider>()
    Settings.Set({ maxErrors: MAX_SCHEMA_ERRORS })
    app.setValidatorCompiler(TypeBoxValidatorCompiler)
    // Schemas describe what is answered; they neither filter nor reorder it.
    app.setSerializerCompiler(() => (data) => JSON.stringify(data))
    const scope = { app, door, authenticate: authenticator(door.principalOf) }
    for (const routes of [
      lookupRoutes,
      writeRoutes,
      templateRoutes,
      whoamiRoute,
      changeRoute,
      enterpriseRoutes,
      apiKeyRoutes,
      prefixRoutes,
      propagationRoutes,
      ...(door.more ?? []),
    ])
      routes(scope)
  })
}

/** Unless a route says otherwise: nobody downstream may keep an answer beyond the freshness bound. */
function keepNothing(_request: FastifyRequest, reply: FastifyReply, done: () => void): void {
  reply.header('cache-control', 'no-store')
  done()
}

/** A route that says nothing else takes JSON; what else this node could read is 415 there. */
function sayWhatIsTaken({ method, schema }: RouteOptions): void {
  if (schema?.body === undefined) return
  schema.consumes ??= method === 'PATCH' ? ['application/json', 'application/merge-patch+json'] : ['application/json']
}
