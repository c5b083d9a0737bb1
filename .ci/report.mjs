// Reads what vitest's JSON reporter wrote of a run, and of a second one of the files that failed in it.
//   node .ci/report.mjs failed FIRST             the files that failed, a line each
//   node .ci/report.mjs verdict FIRST [SECOND]   "N passed, N failed"; exits with 1 unless all passed
import { readFileSync } from 'node:fs'

const [, , command, ...reports] = process.argv
const [first, second] = reports.map(filesOf)

if (command === 'failed') for (const [name, { hasFailed }] of first) if (hasFailed) console.log(name)
if (command === 'verdict') {
  const last = new Map([...first, ...(second ?? [])])
  for (const [name] of second ?? []) tellOfBoth(first.get(name), last.get(name))
  const passed = sum(last, ({ passed }) => passed)
  const failed = sum(last, ({ failed, hasFailed }) => (hasFailed ? Math.max(failed.size, 1) : 0))
  console.log(`${passed} passed, ${failed} failed`)
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0
}

/** By file: how many tests passed, and why the others did not. A file can also fail before its first test. */
function filesOf(report) {
  const { testResults = [] } = JSON.parse(readFileSync(report, 'utf8') || '{}')
  return new Map(
    testResults.map(({ name, status, assertionResults }) => [
      name,
      {
        hasFailed: status === 'failed',
        passed: assertionResults.filter((test) => test.status === 'passed').length,
        failed: new Map(
          assertionResults.filter((test) => test.status === 'failed').map((test) => [test.fullName, test.failureMessages]),
        ),
      },
    ]),
  )
}

function tellOfBoth(before, after) {
  for (const [test, messages] of before.failed) {
    const how = after.failed.has(test) ? 'FAILED TWICE' : 'failed beside others, passed alone'
    console.log(`${how}: ${test}\n  ${String(messages[0]).split('\n')[0]}`)
  }
}

function sum(files, count) {
  return [...files.values()].reduce((total, file) => total + count(file), 0)
}
