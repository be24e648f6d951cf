// What the library offers as methods of arrays and buffers. A program that uses one of those gets it defined on the
// prototype, and from then on every `length` and every method of every array is looked up there first: all the app's loops
// over arrays would pay for a call that the resident makes now and then.

export function indexIn(list: any[], value: any): number {
    for (let i = 0; i < list.length; i++) if (list[i] === value) return i
    return -1
}

export function partOf(buffer: Buffer, start: number, end: number): Buffer {
    const part = Buffer.alloc(end - start)
    part.blitAt(0, buffer, start, end - start)
    return part
}
