/** What the page says, in its two languages. A text with {name} takes a value there. */
export const LANGUAGES = { en: 'English', zh: '中文' }

const EN = {
  documentTitle: 'Jiexi: resolve an industrial identifier',
  apiDocs: 'API',
  inputLabel: 'Identifier',
  hint: 'A Handle, VAA or OID identifier, as printed on the product or part.',
  resolve: 'Resolve',
  samples: 'Samples',
  'sample.product': 'Product',
  'sample.machine': 'Machine',
  'sample.part': 'Part',
  'sample.withdrawn': 'Withdrawn',
  'sample.malformed': 'Malformed',
  empty: 'Type or paste an identifier first.',
  asking: 'Resolving…',
  summary: 'Found: {title}, version {version}, from {tier}.',
  summaryProblem: '{title}.',

  'state.registered': 'Registered',
  'state.withdrawn': 'Withdrawn',
  version: 'Version',
  template: 'Template',
  freeTemplate: 'none, free values only',
  prefix: 'Prefix',
  key: 'Canonical key',
  registeredAt: 'First registered',
  recordedAt: 'This version',
  olderVersion: 'This is version {version}; there may be a newer one.',
  newest: 'Show the newest',
  stale: 'The authority cannot be asked at the moment. This is what it last said, as of {when}.',

  noAttributes: 'This record has no named attributes.',
  values: 'All values, as a Handle client sees them',
  valuesFailed: 'The values could not be read. {detail}',
  index: 'Index',
  type: 'Type',
  data: 'Data',
  ttl: 'TTL (s)',
  permissions: 'Permissions',
  changed: 'Last changed',
  binary: '{octets} octets in Base64: {data}',

  history: 'History',
  historyMore: 'Older versions',
  historyFailed: 'The history could not be read. {detail}',
  state: 'State',
  recorded: 'Recorded',
  reason: 'Reason',
  shown: 'shown',

  way: 'The way it took',
  ms: '{ms} ms',
  inNode: 'In the node',
  inBrowser: 'Seen from your browser',
  authority: 'Authority',
  nobody: 'not at this node',
  prefixOf: 'this node, for {prefix}',
  current: 'Known to be current',
  now: 'now',
  'tier.memory': 'memory',
  'tier.redis': 'Redis',
  'tier.registry': 'the registry',
  'layer.memory': 'Memory',
  'layer.redis': 'Redis',
  'layer.registry': 'Registry (Postgres)',
  'layer.single-flight': 'Look-up under way',
  'layer.load-shedding': 'Queue before the registry',
  'outcome.hit': 'hit',
  'outcome.miss': 'miss',
  'outcome.skipped': 'skipped',
  'outcome.stale': 'stale',
  'outcome.joined': 'joined',
  'outcome.not fresh': 'not sure to be current',
  'outcome.down': 'not reachable',
  'outcome.failed': 'failed',
  'outcome.rejected': 'outdated',
  'outcome.refused': 'full',
  'outcome.found': 'found',
  'outcome.absent': 'absent',
  'outcome.withdrawn': 'withdrawn',
  'outcome.referral': 'referral',

  position: 'Position {position}, counted from 0',
  end: 'end of text',
  retry: 'Try again',
  offline: 'The node does not answer',
  offlineDetail: 'No connection to this node. Check that it is running, then try again.',
  unreadable: 'The answer of the node could not be read',
  unreadableDetail: 'HTTP status {status}, but no record and no problem document.',
  'problem.identifier-malformed': 'This is not an identifier',
  'problem.prefix-not-served': 'The prefix is not served by this node',
  'problem.identifier-absent': 'This identifier is not registered',
  'problem.identifier-withdrawn': 'This identifier was withdrawn',
  'problem.version-absent': 'There is no such version',
  'problem.authority-unavailable': 'The authority cannot be asked at the moment',
  'problem.overloaded': 'The node is busy',
  'problem.internal': 'The node has failed',
}

const ZH = {
  documentTitle: 'Jiexi 解析：工业标识解析',
  apiDocs: '接口文档',
  inputLabel: '标识',
  hint: 'Handle、VAA 或 OID 标识，与产品或零部件上印制的一致。',
  resolve: '解析',
  samples: '示例',
  'sample.product': '产品',
  'sample.machine': '整机',
  'sample.part': '零件',
  'sample.withdrawn': '已注销',
  'sample.malformed': '格式错误',
  empty: '请先输入或粘贴标识。',
  asking: '正在解析……',
  summary: '已找到：{title}，第 {version} 版，来自{tier}。',
  summaryProblem: '{title}。',

  'state.registered': '已注册',
  'state.withdrawn': '已注销',
  version: '版本',
  template: '数据模板',
  freeTemplate: '无，仅自由值',
  prefix: '前缀',
  key: '规范键',
  registeredAt: '首次注册',
  recordedAt: '本版本',
  olderVersion: '当前显示第 {version} 版，可能已有更新的版本。',
  newest: '显示最新版本',
  stale: '目前无法询问权威数据源。以下是截至 {when} 的最后应答。',

  noAttributes: '该记录没有命名属性。',
  values: '全部值（Handle 客户端所见）',
  valuesFailed: '无法读取全部值。{detail}',
  index: '索引',
  type: '类型',
  data: '数据',
  ttl: 'TTL（秒）',
  permissions: '权限',
  changed: '最后变更',
  binary: '{octets} 字节，Base64：{data}',

  history: '历史版本',
  historyMore: '更早的版本',
  historyFailed: '无法读取历史版本。{detail}',
  state: '状态',
  recorded: '记录时间',
  reason: '原因',
  shown: '当前显示',

  way: '解析路径',
  ms: '{ms} 毫秒',
  inNode: '节点内',
  inBrowser: '浏览器往返',
  authority: '权威来源',
  nobody: '不在本节点',
  prefixOf: '本节点（{prefix}）',
  current: '确认为最新',
  now: '此刻',
  'tier.memory': '内存',
  'tier.redis': ' Redis',
  'tier.registry': '注册库',
  'layer.memory': '内存',
  'layer.redis': 'Redis',
  'layer.registry': '注册库（Postgres）',
  'layer.single-flight': '进行中的解析',
  'layer.load-shedding': '注册库前的队列',
  'outcome.hit': '命中',
  'outcome.miss': '未命中',
  'outcome.skipped': '跳过',
  'outcome.stale': '陈旧',
  'outcome.joined': '已并入',
  'outcome.not fresh': '无法确认为最新',
  'outcome.down': '无法连接',
  'outcome.failed': '失败',
  'outcome.rejected': '已过期',
  'outcome.refused': '已满',
  'outcome.found': '已找到',
  'outcome.absent': '不存在',
  'outcome.withdrawn': '已注销',
  'outcome.referral': '转介',

  position: '位置 {position}（从 0 起）',
  end: '文本末尾',
  retry: '重试',
  offline: '节点没有应答',
  offlineDetail: '无法连接到本节点。请确认节点正在运行，然后重试。',
  unreadable: '无法读取节点的应答',
  unreadableDetail: 'HTTP 状态码 {status}，但既没有记录，也没有错误说明。',
  'problem.identifier-malformed': '这不是有效的标识',
  'problem.prefix-not-served': '本节点不负责该前缀',
  'problem.identifier-absent': '该标识尚未注册',
  'problem.identifier-withdrawn': '该标识已注销',
  'problem.version-absent': '没有这个版本',
  'problem.authority-unavailable': '目前无法询问权威数据源',
  'problem.overloaded': '节点繁忙',
  'problem.internal': '节点内部出错',

  // The node says these in English only.
  'fault.empty': '标识为空。',
  'fault.too-long': '标识过长。',
  'fault.control-character': '含有控制字符。',
  'fault.unpaired-surrogate': '含有不完整的字符。',
  'fault.noncharacter': '含有无效字符。',
  'fault.invisible-character': '含有不可见字符。',
  'fault.white-space': '含有不允许的空白字符。',
  'fault.no-slash': '缺少前缀与后缀之间的“/”。',
  'fault.empty-prefix': '“/”之前缺少前缀。',
  'fault.bad-prefix': '前缀格式不正确。',
  'fault.reserved-prefix': '该前缀为保留前缀。',
  'fault.prefix-too-long': '前缀过长。',
  'fault.empty-suffix': '“/”之后缺少后缀。',
  'fault.slash': '此处不允许出现“/”。',
  'fault.bad-agency': 'VAA 发码机构代码不正确。',
  'fault.bad-country': '国家代码不正确。',
  'fault.bad-industry': '行业代码不正确。',
  'fault.bad-enterprise': '企业代码不正确。',
  'fault.too-few-arcs': 'OID 的层级过少。',
  'fault.empty-arc': 'OID 含有空的层级。',
  'fault.leading-zero': 'OID 的数字不能以 0 开头。',
  'fault.bad-first-arc': 'OID 的第一级只能是 0、1 或 2。',
  'fault.bad-second-arc': 'OID 的第二级超出范围。',
  'fault.bad-character': '含有不允许的字符。',
  'fault.double-encoded': '标识被重复进行了百分号编码。',
}

export const WORDS = { en: EN, zh: ZH }

const REMEMBERED = 'jiexi-language'

/** What was chosen here before, else the first of the browser's languages that the page speaks. */
export function firstLanguage() {
  const remembered = readRemembered()
  if (remembered in LANGUAGES) return remembered
  const spoken = navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase())
  return spoken.find((tag) => tag in LANGUAGES) ?? 'en'
}

export function rememberLanguage(language) {
  try {
    localStorage.setItem(REMEMBERED, language)
  } catch {
    // Storage may be forbidden; the choice then lasts until the page is left.
  }
}

function readRemembered() {
  try {
    return localStorage.getItem(REMEMBERED) ?? ''
  } catch {
    return ''
  }
}

/** `say('version')`, `say('ms', { ms: 3 })`; a name without words gives `fallback`. */
export function speaker(language) {
  const words = WORDS[language]
  return (name, values = {}, fallback = name) => {
    const text = Object.hasOwn(words, name) ? words[name] : fallback
    return text.replace(/\{(\w+)\}/g, (whole, slot) => (slot in values ? String(values[slot]) : whole))
  }
}
