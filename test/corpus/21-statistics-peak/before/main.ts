class Statistics {
    count = 0
    sum = 0

    add(value: number) {
        this.count++
        this.sum += value
    }

    text() {
        return `n=${this.count} mean=${Math.round(this.sum / this.count)}`
    }
}

const statistics = new Statistics()
let tick = 0

setInterval(() => {
    tick++
    statistics.add((tick * 13) % 50)
    console.log(statistics.text())
}, 200)
