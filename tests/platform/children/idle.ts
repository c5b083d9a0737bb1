/** A process that does nothing until it is ended. */
process.stdout.write('idle\n')
setInterval(() => undefined, 60_000)
