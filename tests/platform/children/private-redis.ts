/** A node that has nothing but its private Redis: `<data folder>`. Prints its URL. */
import { startPrivateRedis } from '../../../src/platform/private-redis.js'

startPrivateRedis({ dataFolder: process.argv[2]! }).then(
  (redis) => {
    process.stdout.write(`ready ${JSON.stringify({ url: redis?.url, serverPid: redis?.pid() })}\n`)
    process.on('SIGTERM', () => void redis?.stop().then(() => process.exit(0)))
  },
  (error: Error) => process.stdout.write(`failed ${error.message}\n`),
)
