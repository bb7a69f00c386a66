import { connect } from 'node:net'
import { CloisterError, messageOf } from '@cloister/core'
import { createTransport } from 'nodemailer'
import type SMTPTransport from 'nodemailer/lib/smtp-transport'
import type { Notice } from '../notice.ts'
import type { Channel } from './channel.ts'

const ANSWER_MS = 30_000

/** Where notices are mailed. */
export interface MailSettings {
  /** `smtps://user:password@host:465` or `smtp://host:587`, which is made secure where the server can. */
  server: string
  from: string
  to: string
}

/** Notices as mails (SMTP, RFC 5321). One that is told again has the same Message-ID. */
export class Mail implements Channel {
  readonly name: string
  private readonly settings: MailSettings
  private readonly server: { host: string; port: number }
  private readonly options: SMTPTransport.Options

  /** Throws `bad-option`. */
  constructor(settings: MailSettings) {
    const { server, from, to } = settings
    if (!URL.canParse(server) || !/^smtps?:$/.test(new URL(server).protocol))
      throw new CloisterError(
        'bad-option',
        'The mail server is not an address such as smtps://user@host:465.',
      )
    for (const address of [from, to])
      if (!/^[^\s@<>]{1,64}@[^\s@<>]{1,255}$/.test(address))
        throw new CloisterError('bad-option', `${JSON.stringify(address.slice(0, 100))} is no mail address.`)
    this.settings = settings
    this.name = `mail ${to}`
    const { protocol, hostname, port, username, password } = new URL(server)
    const secure = protocol === 'smtps:'
    this.server = {
      host: hostname.replace(/^\[|\]$/g, ''),
      port: port ? Number(port) : secure ? 465 : 587,
    }
    this.options = {
      ...this.server,
      secure,
      // A password never goes in the open.
      requireTLS: username !== '',
      ...(username !== '' && {
        auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) },
      }),
      greetingTimeout: ANSWER_MS,
      socketTimeout: ANSWER_MS,
    }
  }

  async tell(notice: Notice, signal?: AbortSignal): Promise<void> {
    const { from, to } = this.settings
    const simulated = notice.simulated ? ' (simulated)' : ''
    const what = notice.state === 'cleared' ? `${notice.kind} is over` : notice.kind
    try {
      await createTransport({ ...this.options, getSocket: this.dial(signal) }).sendMail({
        from,
        to,
        subject: `Cloister${simulated}: ${notice.name}: ${what}`,
        messageId: `<${notice.id}@cloister.invalid>`,
        date: new Date(notice.time),
        headers: { 'auto-submitted': 'auto-generated' },
        text: [
          notice.message,
          '',
          `Lease:   ${notice.name} (${notice.lease})`,
          `Network: ${notice.network}${simulated}`,
          `Time:    ${notice.time}`,
          '',
          `See \`cloister status ${notice.name}\`.`,
          '',
        ].join('\n'),
      })
    } catch (cause) {
      throw new CloisterError('unreachable', `${this.name} was not taken: ${messageOf(cause)}.`, { cause })
    }
  }

  /** Connects for one mail. A server that says something now and then would else hold it without end. */
  private dial(signal: AbortSignal | undefined): NonNullable<SMTPTransport.Options['getSocket']> {
    return (_, done) => {
      const socket = connect({ ...this.server, ...(signal && { signal }) })
      const late = () => socket.destroy(new Error('it does not answer'))
      const fail = (error: Error) => done(error, undefined)
      socket
        .setTimeout(ANSWER_MS, late)
        .once('error', fail)
        .once('connect', () => {
          socket.setTimeout(0).off('timeout', late).off('error', fail)
          done(null, { connection: socket })
        })
    }
  }
}
