// SPDX-License-Identifier: Apache-2.0
// What is wrong with the texts that a page shows; the body of a function. Returns how many texts there are, and a sentence for each fault:
// it stands out too little against what is behind it (WCAG 2.2, 1.4.3); a word of it, unless it is a long one, goes on in the next line. And
// for each part of the page that has to be scrolled sideways.
const LONG = 15;
function colour(text) {
    const part = text.match(/[\d.]+/g).map(Number);
    return [part[0], part[1], part[2], part.length > 3 ? part[3] : 1];
}
function over(front, back) {
    return [0, 1, 2].map(i => front[i] * front[3] + back[i] * (1 - front[3])).concat([1]);
}
function light(c) {
    const f = c.slice(0, 3).map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * f[0] + 0.7152 * f[1] + 0.0722 * f[2];
}
function behind(element) {
    const layers = [];
    for (let e = element; e; e = e.parentElement) {
        layers.push(colour(getComputedStyle(e).backgroundColor));
        if (layers[layers.length - 1][3] === 1)
            break;
    }
    let ground = matchMedia('(prefers-color-scheme: dark)').matches ? [18, 18, 18, 1] : [255, 255, 255, 1];
    while (layers.length)
        ground = over(layers.pop(), ground);
    return ground;
}
function brokenWords(node) {
    const range = document.createRange(), found = [];
    for (const word of node.data.matchAll(/[^\s\u200b-]+/g)) {
        range.setStart(node, word.index);
        range.setEnd(node, word.index + word[0].length);
        const lines = new Set([...range.getClientRects()].filter(each => each.width > 0).map(each => Math.round(each.top)));
        if (lines.size > 1 && word[0].length < LONG)
            found.push(word[0]);
    }
    return found;
}
const faults = [];
let seen = 0;
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node; (node = walker.nextNode());) {
    const element = node.parentElement;
    if (!node.data.trim() || !element.checkVisibility({visibilityProperty: true, opacityProperty: true}) || element.matches(':disabled, option'))
        continue;
    const style = getComputedStyle(element), ground = behind(element);
    const fill = element.namespaceURI.endsWith('svg') ? style.fill : style.color;
    const a = light(over(colour(fill), ground)), b = light(ground);
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && parseInt(style.fontWeight) >= 700);
    seen++;
    if (contrast < (large ? 3 : 4.5))
        faults.push(`'${node.data.trim().slice(0, 40)}' has a contrast of ${contrast.toFixed(2)}`);
    for (const word of brokenWords(node))
        faults.push(`'${word}' is broken`);
}
for (const part of document.querySelectorAll('body, main, .card, .chart'))
    if (part.scrollWidth > part.clientWidth)
        faults.push(`${part.id || part.className || part.localName} is ${part.scrollWidth - part.clientWidth} wider than there is room`);
return [seen, faults];
