/** Enough of Redis's protocol (RESP2) to operate and to attack a Redis: commands in order, each with its reply. */
import net from 'node:net'

export type RespReply = Buffer | number | null | Error | readonly RespReply[]
export type RespCommand = readonly (string | number | Buffer)[]

const TIMEOUT_MS = 2_000

/**
 * Sends all commands over one connection; the replies in their order, errors that Redis gave among them.
 *
 * @throws Error when it cannot be reached or does not answer
 */
export function askRedis(path: string, commands: readonly RespCommand[]): Promise<RespReply[]> {
  if (commands.length === 0) return Promise.resolve([])
  return new Promise((resolve, reject) => {
    const socket = net.connect({ path })
    const replies: RespReply[] = []
    let received = Buffer.alloc(0)
    const fail = (reason: string) => {
      socket.destroy()
      reject(new Error(`Redis at ${path}: ${reason}`))
    }
    socket.setTimeout(TIMEOUT_MS, () => fail(`no answer in ${TIMEOUT_MS} ms`))
    socket.on('error', (error) => fail(error.message))
    socket.on('close', () => fail('connection closed'))
    socket.on('data', (bytes: Buffer) => {
      received = Buffer.concat([received, bytes])
      for (let read = readReply(received, 0); read; read = readReply(received, 0)) {
        replies.push(read.reply)
        received = received.subarray(read.end)
      }
      if (replies.length < commands.length) return
      resolve(replies)
      socket.destroy()
    })
    socket.write(Buffer.concat(commands.map(encodeCommand)))
  })
}

function encodeCommand(parts: RespCommand): Buffer {
  const encoded = parts.flatMap((part) => {
    const bytes = Buffer.isBuffer(part) ? part : Buffer.from(String(part))
    return [Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')]
  })
  return Buffer.concat([Buffer.from(`*${parts.length}\r\n`), ...encoded])
}

/** undefined: not all of it is there yet. */
function readReply(bytes: Buffer, from: number): { reply: RespReply; end: number } | undefined {
  const lineEnd = bytes.indexOf('\r\n', from)
  if (lineEnd < 0) return undefined
  const text = bytes.toString('utf8', from + 1, lineEnd)
  const end = lineEnd + 2
  switch (String.fromCharCode(bytes[from]!)) {
    case '+':
      return { reply: Buffer.from(text), end }
    case '-':
      return { reply: new Error(text), end }
    case ':':
      return { reply: Number(text), end }
    case '$': {
      const length = Number(text)
      if (length < 0) return { reply: null, end }
      return bytes.length < end + length + 2
        ? undefined
        : { reply: bytes.subarray(end, end + length), end: end + length + 2 }
    }
    default:
      return readArray(bytes, end, Number(text))
  }
}

function readArray(bytes: Buffer, from: number, count: number) {
  const items: RespReply[] = []
  let end = from
  for (let at = 0; at < count; at += 1) {
    const item = readReply(bytes, end)
    if (item === undefined) return undefined
    items.push(item.reply)
    end = item.end
  }
  return { reply: count < 0 ? null : items, end }
}
