import { describe, expect, it } from 'vitest';
import {
  csvCell,
  markdownLine,
  markdownText,
  oneLine,
  plainText,
  scriptJson,
  xmlText,
} from '../../functions/report/safe-text.ts';

describe('plain text', () => {
  it('drops what is invisible or turns the reading direction, and nothing else', () => {
    expect(plainText('photo\u202Egpj.exe\u2066\u0007\u001b[31m\u0085')).toBe('photogpj.exe[31m');
    expect(plainText('a\r\nb\tc 😀 עברית')).toBe('a\nb\tc 😀 עברית');
    expect(plainText('\ud800x')).toBe('\ufffdx');
    expect(oneLine(' a\n\n b ')).toBe('a b');
  });
});

describe('CSV cells', () => {
  it('keeps numbers as numbers and nothing as nothing', () => {
    expect([csvCell(-0.5), csvCell(3), csvCell(null), csvCell('')]).toEqual(['-0.5', '3', '', '']);
  });

  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '\n=1', ' =1', '"=1', "'=1", '\0=1', '＝1'])(
    'never lets a spreadsheet run %j',
    (text) => {
      const cell = csvCell(text).replace(/^"/, '');
      expect(cell.startsWith("'")).toBe(true);
    },
  );

  it('quotes as RFC 4180 wants', () => {
    expect(csvCell('a "b", c\nd')).toBe('"a ""b"", c\nd"');
  });
});

describe('Markdown', () => {
  it('shows markup instead of rendering it', () => {
    expect(markdownLine('![x](http://evil) <img> **b** `c` #d | e')).toBe(
      '\\!\\[x\\]\\(http\\://evil\\) \\<img\\> \\*\\*b\\*\\* \\`c\\` \\#d \\| e',
    );
    expect(markdownLine('www.evil.com a@b.c')).toBe('www\\.evil.com a\\@b.c');
    expect([markdownLine('- a'), markdownLine('1. a'), markdownLine('== a')]).toEqual(['\\- a', '1\\. a', '\\== a']);
    expect(markdownText('a\n# b')).toBe('a  \n\\# b');
  });
});

describe('XML and scripts', () => {
  it('drops what XML cannot hold and escapes the rest', () => {
    expect(xmlText('a\u0000\u0008\uffff<b a="\'">&')).toBe('a&lt;b a=&quot;&apos;&quot;&gt;&amp;');
  });

  it('writes JSON that can stand in a script', () => {
    const value = { text: '</script><!--\u2028\u2029' };
    const written = scriptJson(value);
    expect(written).not.toMatch(/[<\u2028\u2029]/);
    expect(JSON.parse(written)).toEqual(value);
  });
});
