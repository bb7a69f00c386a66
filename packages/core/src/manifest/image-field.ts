import type { Field } from './field.ts'
import { imagePlaceOf } from './image-place.ts'
import type { ImagePlace } from './parse-options.ts'
import { IMAGE_PATTERN } from './patterns.ts'
import { sentReference } from './sent.ts'
import { grantImage, type WishContext } from './wish.ts'

const FROM_HERE = 'Deploy it with the command line, or push the image to a registry and name that.'

/** An `image` of either language. */
export function readImage(service: string, field: Field, context: WishContext): string {
  const place = imagePlaceOf(field)
  return place ? sentImage(service, place, field, context) : imageName(field)
}

/** The name of an image of a registry, or of an engine. */
export function imageName(field: Field): string {
  return field.matching(IMAGE_PATTERN, 'an image such as ghcr.io/me/app:1')
}

/** The reference of an image that lies on this machine. */
export function sentImage(service: string, from: ImagePlace, at: Field, context: WishContext): string {
  const digest = grantImage({ kind: 'image', service, from }, at, FROM_HERE, context)
  return sentReference(repositoryOf(service), digest)
}

/** A service's name as that of a repository (distribution specification, `<name>`). */
export function repositoryOf(service: string): string {
  const words = service.toLowerCase().match(/[a-z0-9]+/g) ?? []
  return words.join('-') || 'image'
}
