/** Takes out of a set, in its order, as many as there are but at most `most`. */
export function takeSome<T>(waiting: Set<T>, most: number): T[] {
    const taken: T[] = []
    for (const one of waiting) {
        waiting.delete(one)
        if (taken.push(one) >= most) break
    }
    return taken
}
