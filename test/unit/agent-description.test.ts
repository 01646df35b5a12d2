import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { redactor } from '../../src/model/redact.js';
import { descriptionIn, descriptionInFile } from '../../src/propose/agent/description.js';

describe('the description in an answer', () => {
  it.each([
    ['DESCRIPTION: cache the regex', 'cache the regex'],
    ['I did it.\n\nDESCRIPTION: cache the regex\n\n', 'cache the regex'],
    ['DESCRIPTION: first\nwait\nDESCRIPTION: second\nthanks', 'second'],
    ['**DESCRIPTION:** cache `it`', 'cache `it`'],
    ['**DESCRIPTION: cache it**', 'cache it'],
    ['`DESCRIPTION: cache it`', 'cache it'],
    ['> description : cache it\r\n', 'cache it'],
    ['I cached it.\n```', 'I cached it.'],
    ['DESCRIPTION: kept\nDESCRIPTION:', 'kept'],
    ['DESCRIPTION:', ''],
    ['The DESCRIPTION: is not at the start', 'The DESCRIPTION: is not at the start'],
    ['', ''],
    ['\n \n---\n', ''],
  ])('of %j is %j', (answer, description) => {
    expect(descriptionIn(answer)).toBe(description);
  });

  it('is not taken from a prompt that the agent repeats', () => {
    const prompt = 'End your reply with one line: DESCRIPTION: <what you changed, one line>';
    expect(descriptionIn(`DESCRIPTION: mine\n${prompt}\n`)).toBe('mine');
  });

  it('is one printable line of at most 200 characters, whatever the answer', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 500 }), fc.boolean(), (text, isLabelled) => {
        const answer = isLabelled ? `DESCRIPTION: ${text}` : text;
        for (const description of [descriptionIn(answer), descriptionInFile(answer)]) {
          expect(description.length).toBeLessThanOrEqual(200);
          expect(description).not.toMatch(/[\u0000-\u001f\u2028\u2029]/);
        }
      }),
    );
  });

  it('in a file is its first line with text, with or without the label', () => {
    expect(descriptionInFile('\n  cache it  \nmore')).toBe('cache it');
    expect(descriptionInFile('DESCRIPTION: cache it\n')).toBe('cache it');
    expect(descriptionInFile('')).toBe('');
  });
});

describe('redaction', () => {
  it('blots out secrets by the name of the variable, the longest first and line by line', () => {
    const redact = redactor({
      API_KEY: 'abcdef',
      my_token: 'abcdef-and-more',
      PEM_SECRET: 'line-one\nline-two\n',
      HOME: '/home/me',
    });
    expect(redact('abcdef-and-more abcdef line-two /home/me')).toBe('[redacted] [redacted] [redacted] /home/me');
  });

  it('knows passwords and logins by any of their names, and people by none', () => {
    const odd = {
      DB_PWD: 'swordfish',
      NPM_AUTH: 'dXNlcjpw',
      GIT_AUTHOR_NAME: 'Somebody',
      BORG_PASSPHRASE: 'open sesame',
    };
    expect(redactor(odd)('swordfish dXNlcjpw Somebody open sesame')).toBe('[redacted] [redacted] Somebody [redacted]');
  });

  it('leaves short values alone, which are switches', () => {
    expect(redactor({ TOKENIZERS_PARALLELISM: 'true', KEY: '' })('this is true')).toBe('this is true');
  });

  it('leaves no secret in any text', () => {
    const secret = fc
      .string({ minLength: 6, maxLength: 20 })
      .filter((text) => text.trim() === text && !'[redacted]'.includes(text));
    fc.assert(
      fc.property(secret, fc.string(), fc.string(), (value, before, after) => {
        fc.pre(!`${before}[redacted]${after}`.includes(value));
        expect(redactor({ A_SECRET: value })(`${before}${value}${after}`)).not.toContain(value);
      }),
    );
  });
});
