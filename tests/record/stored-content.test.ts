import { expect, test } from 'vitest'
import { contentDigest, encodeValues } from '../../src/record/codec.js'
import { bodyOf, digestOf, storedContent } from '../../src/record/stored-content.js'
import { PUMP } from './samples.js'

test.each([PUMP, { template: '', values: [] }])(
  'body and digest are those of the codec, each with its length before it',
  (draft) => {
    const content = storedContent(draft)
    const [body, digest] = [Buffer.from(encodeValues(draft.values)), contentDigest(draft.template, draft.values)]
    expect(bodyOf(content)).toEqual(body)
    expect(digestOf(content)).toEqual(digest)
    const lengths = [body, digest].map(({ length }) => Buffer.from(length.toString(16).padStart(8, '0'), 'hex'))
    expect(content.octets).toEqual(Buffer.concat([lengths[0]!, body, lengths[1]!, digest]))
  },
)
