export class Pid {
    sum = 0

    constructor(
        public p: number,
        public i: number
    ) {}

    step(error: number) {
        this.sum += error * 0.1
        return this.p * error + this.i * this.sum
    }
}
