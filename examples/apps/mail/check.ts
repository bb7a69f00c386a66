import { type Check, read, requireThat, Talk } from '../run/app.ts'

/** A mail goes in by SMTP and is there to read, also after an update. */
export const check: Check = {
  use: async (app) => {
    const smtp = new Talk(app.place('mail', 2525))
    await smtp.hear('220 ')
    for (const [line, answer] of [
      ['EHLO example.org', '250 '],
      ['MAIL FROM:<me@example.org>', '250 '],
      ['RCPT TO:<you@example.org>', '250 '],
      ['DATA', '354 '],
      ['Subject: Hello\r\n\r\nA mail of two\r\nlines.\r\n.', '250 '],
    ] as const) {
      smtp.say(`${line}\r\n`)
      await smtp.hear(answer)
    }
    smtp.end()
    requireThat((await read(app.url('mail'))).includes('A mail of two'), 'the mail is not there')
  },
  kept: async (app) =>
    requireThat((await read(app.url('mail'))).includes('Subject: Hello'), 'the mail is gone'),
  load: '/',
}
