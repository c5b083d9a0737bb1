/** `jiexi register` and `jiexi withdraw`. */
import { readFile } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import { messageOf } from '../platform/errors.js'
import type { Cli } from './cli.js'
import { Failure, UsageError } from './failure.js'
import { pathWith, type WaitOption, waitOf, withWait } from './freshness.js'
import { pathOf } from './node-client.js'
import { wholeNumber } from './options.js'
import { shown, shownJson } from './terminal.js'

interface RegisterOptions extends WaitOption {
  readonly template?: string
  readonly set: Readonly<Record<string, string>>
  readonly value: readonly FreeValue[]
  readonly file?: string
  readonly ifNew?: boolean
  readonly ifVersion?: number
  readonly json?: boolean
}

interface FreeValue {
  readonly index: number
  readonly type: string
  readonly data: string
}

interface ReceiptJson {
  readonly identifier: string
  readonly outcome: string
  readonly version: number
  readonly token: string
  readonly visible?: true
}

export function registrationCommands(program: Command, cli: Cli): void {
  const registering = program
    .command('register')
    .summary('register an identifier, or replace its record')
    .argument('<identifier>')
    .option('--template <name>', 'template of the record')
    .option('--set <attribute=text>', 'an attribute of the template; repeatable', collectAttribute, {})
    .option('--value <index:TYPE=text>', 'a free value; repeatable', collectValue, [])
    .option('--file <record.json>', 'the record as JSON, as a look-up gives it; options add to it')
    .option('--if-new', 'only when it is not registered')
    .addOption(
      new Option('--if-version <n>', 'only while this version is the newest').argParser(wholeNumber).conflicts('ifNew'),
    )
    .option('--json', 'the receipt as JSON')
  withWait(registering).action((identifier: string, options: RegisterOptions) => register(cli, identifier, options))
  const withdrawing = program
    .command('withdraw')
    .summary('withdraw an identifier; its history stays')
    .argument('<identifier>')
    .option('--reason <text>', 'told to whoever looks it up')
    .option('--if-version <n>', 'only while this version is the newest', wholeNumber)
    .option('--json', 'the receipt as JSON')
  withWait(withdrawing).action((identifier: string, options: WithdrawOptions) => withdraw(cli, identifier, options))
}

async function register(cli: Cli, identifier: string, options: RegisterOptions): Promise<void> {
  refuseNothing(identifier, options)
  const fromFile = options.file === undefined ? {} : await readRecord(options.file)
  const { attributes = {}, values = [] } = fromFile as { attributes?: object; values?: readonly unknown[] }
  const given = new Set(options.value.map(({ index }) => index))
  const kept = values.filter((value) => !given.has((value as FreeValue).index))
  const record = {
    ...fromFile,
    ...(options.template === undefined ? {} : { template: options.template }),
    attributes: { ...attributes, ...options.set },
    values: [...kept, ...options.value],
  }
  const { query, ...waiting } = waitOf(options)
  const receipt = await cli.node().json<ReceiptJson>({
    ...waiting,
    method: 'PUT',
    path: pathWith(`/v1/identifiers/${pathOf(identifier)}`, query),
    json: record,
    headers: conditionOf(options),
  })
  tell(cli, receipt, options.json)
}

/** An empty record is hardly ever meant, and would replace one that is not. */
function refuseNothing(identifier: string, { template, set, value, file }: RegisterOptions): void {
  if (template !== undefined || file !== undefined || value.length > 0 || Object.keys(set).length > 0) return
  throw new UsageError(
    `Nothing is given to register ${identifier} with: say at least one of --template, --set, --value, --file.`,
  )
}

interface WithdrawOptions extends WaitOption {
  readonly reason?: string
  readonly ifVersion?: number
  readonly json?: boolean
}

async function withdraw(cli: Cli, identifier: string, options: WithdrawOptions): Promise<void> {
  const { query, ...waiting } = waitOf(options)
  const reason = options.reason === undefined ? [] : [String(new URLSearchParams({ reason: options.reason }))]
  const receipt = await cli.node().json<ReceiptJson>({
    ...waiting,
    method: 'DELETE',
    path: pathWith(`/v1/identifiers/${pathOf(identifier)}`, [...reason, ...query]),
    headers: conditionOf(options),
  })
  tell(cli, receipt, options.json)
}

function tell(cli: Cli, receipt: ReceiptJson, json: boolean | undefined): void {
  const { identifier, outcome, version, visible } = receipt
  if (json) cli.terminal.out(`${shownJson(receipt)}\n`)
  else
    cli.terminal.out(`${shown(identifier)}  ${outcome}, version ${version}${visible ? ', visible everywhere' : ''}\n`)
}

function conditionOf(options: { readonly ifNew?: boolean; readonly ifVersion?: number }): Record<string, string> {
  if (options.ifNew) return { 'if-none-match': '*' }
  return options.ifVersion === undefined ? {} : { 'if-match': `"v${options.ifVersion}"` }
}

async function readRecord(file: string): Promise<Record<string, unknown>> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new Failure(`The file ${file} cannot be read: ${messageOf(error)}`)
  })
  try {
    const record = JSON.parse(text) as unknown
    if (typeof record === 'object' && record !== null && !Array.isArray(record))
      return record as Record<string, unknown>
  } catch (error) {
    throw new Failure(`The file ${file} is not JSON: ${messageOf(error)}`)
  }
  throw new Failure(`The file ${file} must hold one JSON object with template, attributes and values.`)
}

function collectAttribute(text: string, before: Readonly<Record<string, string>>): Record<string, string> {
  const equals = text.indexOf('=')
  if (equals < 1) throw new UsageError(`--set "${text}": write attribute=text, such as --set name="Pump 7".`)
  return { ...before, [text.slice(0, equals)]: text.slice(equals + 1) }
}

function collectValue(text: string, before: readonly FreeValue[]): readonly FreeValue[] {
  const [, index, type, data] = /^(\d{1,10}):([^=\s]+)=(.*)$/s.exec(text) ?? []
  if (index === undefined || type === undefined || data === undefined)
    throw new UsageError(`--value "${text}": write index:TYPE=text, such as --value 1:URL=https://example.com/7.`)
  return [...before, { index: Number(index), type, data }]
}
