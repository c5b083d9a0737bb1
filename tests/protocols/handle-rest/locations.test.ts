import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chooseLocation, type Reader } from '../../../src/protocols/handle-rest/choose-location.js'
import { readLocations } from '../../../src/protocols/handle-rest/codec-locations.js'
import { appendedLink, linkOf } from '../../../src/protocols/handle-rest/links.js'
import { leastTimeMs } from '../../support/least-time.js'

/** The example of the DOI handbook. */
const EXAMPLE = `<locations>
  <location id="0" href="https://uk.example.com/" country="gb" weight="0" />
  <location id="1" href="https://www1.example.com/" weight="1" />
  <location id="2" href="https://www2.example.com/" weight="1" />
</locations>`

function chosen(xml: string, reader: Partial<Reader> = {}): string | undefined {
  const read = readLocations(xml)
  if (read === undefined) throw new Error('not read')
  return chooseLocation(read, { locatt: [], country: undefined, random: () => 0, ...reader })?.href
}

describe('the handbook’s example', () => {
  test.each<[string, Partial<Reader>, string]>([
    ['a reader in the United Kingdom', { country: 'gb' }, 'https://uk.example.com/'],
    ['a reader elsewhere, by chance', { country: 'de', random: () => 0.2 }, 'https://www1.example.com/'],
    ['a reader elsewhere, by another chance', { country: 'de', random: () => 0.7 }, 'https://www2.example.com/'],
    ['the last chance there is', { random: () => 0.999_999_999 }, 'https://www2.example.com/'],
    ['one that is asked for', { locatt: ['id:1'] }, 'https://www1.example.com/'],
    ['one of weight 0 that is asked for', { locatt: ['id:0'] }, 'https://uk.example.com/'],
    ['one by its country, asked for', { locatt: ['country:GB'] }, 'https://uk.example.com/'],
    ['one that is not there', { locatt: ['id:7'], random: () => 0.7 }, 'https://www2.example.com/'],
    ['a wish that is none', { locatt: ['id'], random: () => 0.7 }, 'https://www2.example.com/'],
  ])('%s', (_name, reader, href) => {
    expect(chosen(EXAMPLE, reader)).toBe(href)
  })
})

describe('a choice', () => {
  test('goes the ways that the record names, in its order', () => {
    const xml = EXAMPLE.replace('<locations>', '<locations chooseby="weighted">')
    expect(chosen(xml, { country: 'gb', random: () => 0.7 })).toBe('https://www2.example.com/')
    expect(chosen(EXAMPLE.replace('<locations>', '<locations chooseby="country, locatt">'), { locatt: ['id:2'] })).toBe(
      'https://www2.example.com/',
    )
  })

  test('takes each as often as its weight says', () => {
    const xml = '<locations><location href="a:a" weight="3"/><location href="b:b" weight="1"/></locations>'
    const taken = Array.from({ length: 400 }, (_, place) => chosen(xml, { random: () => place / 400 }))
    expect(taken.filter((href) => href === 'a:a')).toHaveLength(300)
  })

  test('is made among weights of 0 too, where there are no others', () => {
    const xml = '<locations><location href="a:a" weight="0"/><location href="b:b" weight="no number"/></locations>'
    expect([0.1, 0.9].map((chance) => chosen(xml, { random: () => chance }))).toEqual(['a:a', 'b:b'])
  })

  test('of nothing is nothing', () => {
    expect(chosen('<locations/>')).toBeUndefined()
    expect(chosen('<locations></locations>', { locatt: ['id:1'], country: 'cn' })).toBeUndefined()
  })

  test('is always one of those there are', () => {
    const attribute = fc.record({
      country: fc.constantFrom('cn', 'de', ''),
      weight: fc.constantFrom('0', '1', '2.5', '-1', '1e9', 'x'),
    })
    const reader = fc.record({
      country: fc.option(fc.constantFrom('cn', 'fr'), { nil: undefined }),
      chance: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      locatt: fc.array(fc.constantFrom('id:0', 'id:1', 'country:cn', ':', 'x:y'), { maxLength: 3 }),
      ways: fc.array(fc.constantFrom('locatt', 'country', 'weighted', 'other'), { maxLength: 5 }),
    })
    fc.assert(
      fc.property(
        fc.array(attribute, { minLength: 1, maxLength: 6 }),
        reader,
        (list, { country, chance, locatt, ways }) => {
          const locations = list.map((one, place) => ({
            href: `https://${place}.example/`,
            attributes: new Map(Object.entries({ id: String(place), ...one }).filter(([, value]) => value !== '')),
          }))
          const one = chooseLocation({ chooseBy: ways, locations }, { locatt, country, random: () => chance })
          expect(locations).toContain(one)
        },
      ),
    )
  })
})

describe('XML', () => {
  test('is read with everything it may have here', () => {
    const xml = `\uFEFF<?xml version="1.0" encoding="UTF-8"?>
      <!-- a > comment -->
      <locations chooseby = 'locatt'><!----><location href='https://x.example/?a=1&amp;b=&#x4e2d;&#49;&quot;' id = "a'b"></location
      ><location cr_type="MR-LIST" href="https://y.example/"><!-- in it --></location ></locations>
      <!-- behind -->`
    const read = readLocations(xml)
    expect(read?.chooseBy).toEqual(['locatt'])
    expect(read?.locations.map(({ href }) => href)).toEqual(['https://x.example/?a=1&b=中1"', 'https://y.example/'])
    expect(read?.locations[0]?.attributes.get('id')).toBe("a'b")
  })

  test('of a location without an address has one less', () => {
    expect(readLocations('<locations><location id="1"/></locations>')?.locations).toEqual([])
  })

  test.each([
    ['an entity of its own', '<!DOCTYPE l [<!ENTITY x "y">]><locations><location href="&x;"/></locations>'],
    ['an entity from outside', '<!DOCTYPE l SYSTEM "file:///etc/passwd"><locations/>'],
    ['an entity that nobody knows', '<locations><location href="&nbsp;"/></locations>'],
    ['a bare ampersand', '<locations><location href="a?b=1&c=2"/></locations>'],
    ['a character that is none', '<locations><location href="&#0;"/></locations>'],
    ['half a character', '<locations><location href="&#xD800;"/></locations>'],
    ['character data', '<locations><![CDATA[x]]></locations>'],
    ['an instruction', '<locations><?php x ?></locations>'],
    ['text between', '<locations>x<location href="a"/></locations>'],
    ['text in a location', '<locations><location href="a">x</location></locations>'],
    ['another element', '<locations><place href="a"/></locations>'],
    ['another root', '<location href="a"/>'],
    ['an element in a location', '<locations><location href="a"><location href="b"/></location></locations>'],
    ['the same attribute twice', '<locations><location href="a" HREF="b"/></locations>'],
    ['attributes without a space', '<locations><location id="1"href="b"/></locations>'],
    ['an attribute without quotes', '<locations><location href=a/></locations>'],
    ['an attribute that does not end', '<locations><location href="a/></locations>'],
    ['markup in an attribute', '<locations><location href="<a>"/></locations>'],
    ['no end', '<locations><location href="a"/>'],
    ['another end', '<locations></location>'],
    ['two roots', '<locations/><locations/>'],
    ['a comment without an end', '<locations/><!-- '],
    ['nothing', ''],
    ['a name with a colon', '<x:locations/>'],
    ['too much', `<locations>${' '.repeat(70_000)}</locations>`],
    ['too many', `<locations>${'<location href="a"/>'.repeat(501)}</locations>`],
  ])('is refused: %s', (_name, xml) => {
    expect(readLocations(xml)).toBeUndefined()
  })

  test('of any kind is read or refused, in a time that grows with its length', () => {
    const part = fc.constantFrom(
      '<',
      '>',
      '/',
      '<!--',
      '-->',
      '"',
      "'",
      '=',
      ' ',
      '&',
      '&amp;',
      ';',
      'location',
      'locations',
      'href',
      '<locations>',
      '<location ',
      'a',
    )
    fc.assert(
      fc.property(fc.array(part, { maxLength: 60 }), (parts) => {
        readLocations(parts.join(''))
        readLocations(`<locations>${parts.join('')}</locations>`)
      }),
      { numRuns: 2000 },
    )
  })

  test.each(['<!--', '<location ', 'a="', ' a=', '&', "<location href='x' "])(
    'that repeats %j is refused in a time that grows with its length',
    (piece) => {
      const timeMs = (length: number) => {
        const xml = `<locations>${piece.repeat(Math.floor(length / piece.length))}`
        return leastTimeMs(20, () => expect(readLocations(xml)).toBeUndefined())
      }
      timeMs(30_000)
      expect(timeMs(60_000)).toBeLessThan(Math.max(50, 8 * timeMs(30_000)))
    },
  )
})

describe('a reader is sent', () => {
  test.each([
    ['https://x.example', 'https://x.example'],
    ['http://x.example:8080/a?b=c#d', 'http://x.example:8080/a?b=c#d'],
    ['HTTPS://X.example/A', 'HTTPS://X.example/A'],
    ['ftp://x.example/a', 'ftp://x.example/a'],
    ['https://x.example/中', 'https://x.example/%E4%B8%AD'],
    ['https://中.example/', 'https://xn--fiq.example/'],
    ['https://x.example/a b', 'https://x.example/a%20b'],
    ['https:\\\\x.example\\a', 'https://x.example/a'],
    ['https:x.example', 'https://x.example/'],
  ])('to %s', (text, link) => {
    expect(linkOf(text)).toBe(link)
  })

  test.each([
    'javascript:alert(1)',
    ' javascript:alert(1)',
    'java\nscript:alert(1)',
    'JaVaScRiPt://x.example/%0aalert(1)',
    'data:text/html,<script>alert(1)</script>',
    'vbscript:x',
    'file:///etc/passwd',
    'blob:https://x.example/1',
    '//x.example/',
    '/relative',
    'x.example',
    'mailto:a@x.example',
    'https://',
    'http://[::1',
    '',
  ])('never to %j', (text) => {
    expect(linkOf(text)).toBeUndefined()
  })

  test('never to an address that no header should hold', () => {
    expect(linkOf(`https://x.example/${'a'.repeat(9_000)}`)).toBeUndefined()
  })

  test('with more behind, to the same server only', () => {
    expect(appendedLink('https://x.example/a', '/b?c=d')).toBe('https://x.example/a/b?c=d')
    expect(appendedLink('https://x.example', '/b')).toBe('https://x.example/b')
    for (const more of ['.evil.example', '@evil.example/', ':99', ':pw@evil.example'])
      expect(appendedLink('https://x.example', more)).toBeUndefined()
    expect(appendedLink('javascript:', 'alert(1)')).toBeUndefined()
  })

  test('by what fits into one line of a header', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.webUrl(),
          fc.string({ unit: 'binary' }).map((text) => `https://x.example/${text}`),
        ),
        (text) => {
          const link = linkOf(text)
          if (link !== undefined) expect(link).toMatch(/^(?:https?|ftp):\/\/[\x21-\x7e]+$/)
        },
      ),
    )
  })
})
