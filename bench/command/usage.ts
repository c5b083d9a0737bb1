/** What `--help` says. */
import { ROW_NAMES } from '../rows/row-names.js'
import { MAX_RECORDS } from '../workload/keys.js'

export const USAGE = `npm run bench -- [options]

Measures the node of this folder against baselines in the same run. Starts and stops all it needs, on 127.0.0.1 only;
its files are in a folder of their own in TMPDIR, which goes away at the end. Takes about ten minutes.

What is measured
  --quick            all rows in less than 45 s, to see that they work: small, short, without warming up
  --only NAME,…      some rows only:
${wrapped(ROW_NAMES, 84, '                     ')}
  --door NAME,…      the rows of a door of the native Handle protocol: udp, tcp, http (the tunnel)
  --records N        size of the data set (200000; with --quick 10000; at most ${MAX_RECORDS})
  --scale N          the row scale measures at 10000, 100000, … up to N records (1000000; with --quick 20000)
  --seed N           another data set and other keys (1)

How
  --connections N    callers of the look-ups and of single registrations (64)
  --duration S       seconds of one measurement (1; with --quick 0.15)
  --rounds N         times that node and baseline take turns (5; with --quick 2; with --compare 9)

Beside what. A bare node:http server that sends the same octets is always there.
  --baseline NAME,…  further servers: fastify (sends the same octets), net (sends one fixed answer),
                     nginx (one static file; must be on PATH), or 'cmd:COMMAND', any command that serves on
                     127.0.0.1:{port}. It is run by a shell and ended at the end. May be given several times
  --baseline-path P  what a cmd: baseline is asked for: '/lookup?id={identifier}' (the node's own path)
  --compare REV [REV]  two commits, or a commit and the working tree, each built on its own and measured in turn:
                     which rows differ by more than the noise

What comes out
  --json FILE        the report for machines: environment and every round's figures
  --html FILE        the report for people, with plots, in one file
  --save             both, and one in Markdown, into bench/results. Waits for a quiet machine, and refuses a busy one
  --help`

function wrapped(words: readonly string[], width: number, indent: string): string {
  const lines: string[] = ['']
  for (const word of words) {
    const last = lines.at(-1)!
    if (last.length + word.length + 2 > width) lines.push(word)
    else lines[lines.length - 1] = last === '' ? word : `${last}, ${word}`
  }
  return lines.map((line) => indent + line).join('\n')
}
