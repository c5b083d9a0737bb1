/** Ports of the Handle System's doors. Where the node is with them, its HS_SITE says (registry/node-site.ts). */

/** Ports that are open; undefined: closed. */
export type HandlePorts = Readonly<OpenPorts>

/** The same while they are being opened. */
export interface OpenPorts {
  port?: number | undefined
  httpPort?: number | undefined
}
