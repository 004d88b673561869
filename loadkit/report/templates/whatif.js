"use strict";
// Works a plan out again in the page: the same steps on the same draws as the planner that made it.
const loadkitWhatIf = (() => {
  const TAIL_DEVIATES = 1.6448536269514722, ROUNDING = 1e-9;
  const GRADES = [[1, "measured"], [1.5, "supported"], [3, "modelled"], [10, "range only"], [Infinity, "unsupported"]];

  // An input in every case: the median first, then the draws, split log-normal through its three quantiles.
  function drawn(data, name, range = data.inputs[name], factor = 1) {
    const {ranks} = data.inputs[name], count = data.deviates.length;
    const values = new Float64Array(count + 1).fill(range.mid * factor);
    if (range.low === range.high) return values;
    const below = Math.log(range.mid / range.low) / TAIL_DEVIATES, above = Math.log(range.high / range.mid) / TAIL_DEVIATES;
    for (let at = 0; at < count; at++) {
      const deviate = data.deviates[ranks[at]];
      values[at + 1] *= Math.exp(deviate * (deviate < 0 ? below : above));
    }
    return values;
  }
  // P10, P50 and P90 of the draws by the nearest rank.
  function spread(values) {
    const sorted = Float64Array.from(values).subarray(1).sort();
    return [0.1, 0.5, 0.9].map(share => {
      const place = sorted.length * share - 1, low = Math.floor(place);
      return sorted[Math.max(place === low ? low : low + 1, 0)];
    });
  }
  const sum = values => values.reduce((total, one) => total + one, 0);
  const nodesNeeded = (rate, usable, loss) => {
    const alone = rate / usable;
    return Math.max(Math.ceil((loss ? alone ** (1 / (1 - loss)) : alone) * (1 - ROUNDING)), 1);
  };
  function fleetFor(needed, spares, zones, fewest) {
    const nodes = Math.max(needed + spares, fewest);
    return zones > 1 ? Math.max(nodes, Math.ceil(needed * zones / (zones - 1))) : nodes;
  }
  // The chance that so many of all nodes are up, some of them failing together.
  function atLeast(needed, nodes, {availability, common_cause: common}) {
    const down = 1 - availability, alone = (1 - common) * down;
    if (alone >= 1) return 0;
    let logarithm = nodes * Math.log1p(-alone), chance = Math.exp(logarithm);
    for (let failed = 1; alone > 0 && failed <= nodes - needed; failed++) {
      logarithm += Math.log((nodes - failed + 1) / failed * alone / (1 - alone));
      chance += Math.exp(logarithm);
      if (logarithm < -80 && failed > nodes * alone) break;
    }
    return chance * (1 - common * down);
  }
  function wireBytes(size, wire) {
    const sent = size + wire.dialogue_bytes;
    const framed = sent + Math.ceil(sent / wire.record_bytes) * wire.record_overhead_bytes
      + wire.connection_bytes / wire.messages_per_connection;
    return framed + Math.ceil(framed / wire.segment_bytes) * wire.segment_overhead_bytes;
  }
  const supportOf = extent => extent === null ? "unsupported" : GRADES.find(([limit]) => extent <= limit * (1 + ROUNDING))[1];

  // How far a fleet goes beyond what was measured, and the deviation of the logarithm that this adds to its capacity.
  function beyond(data, type, rate, nodes, cells) {
    const measured = data.measured[type.measured], time = data.measured[type.measured].node_time_s;
    const extents = {cores: type.cores_extent, boxes: nodes / measured.boxes, rate: rate / measured.rate_per_s,
      concurrency: time === null || measured.sessions <= 0 ? null : rate / nodes * time / measured.sessions};
    if (cells > 1) extents.routing = cells;
    const adds = extent => extent > 1 ? data.assumed.widening_base + data.assumed.widening * Math.log2(extent) : 0;
    const outward = Math.max(adds(extents.boxes), adds(extents.rate));
    const deviation = Math.hypot(outward, adds(extents.cores), adds(extents.concurrency), adds(extents.routing || 0));
    const grades = GRADES.map(([, name]) => name), worst = Object.values(extents).map(one => grades.indexOf(supportOf(one)));
    return {deviation, grade: grades[Math.max(...worst)]};
  }
  // What a node's processor carries before it is known how far the plan goes beyond what was measured.
  function capacityOf(data, type) {
    const capacity = drawn(data, data.measured[type.measured].capacity), cores = type.cores;
    if (cores === null) return capacity;
    const exponent = drawn(data, "cores_exponent"), ratio = cores.vcpus / (cores.measured_vcpus || data.assumed.measured_vcpus);
    const factors = [cores.hardware ? "hardware" : null, cores.transfer].filter(Boolean).map(name => drawn(data, name));
    return capacity.map((one, at) => factors.reduce((product, factor) => product * factor[at], one * ratio ** exponent[at]));
  }
  // What other resources than the processor let a node carry, in every case.
  function limitsOf(data, type, headroom, wire, open) {
    const limits = {}, {disk} = data.bought, inEach = data.wire.messages_per_connection;
    if (type.network_bits_per_s !== null) limits.network = wire.map(bytes => headroom * type.network_bits_per_s / (8 * bytes));
    if (disk && data.assumed.disk_operations > 0) {
      limits.disk = wire.map(() => headroom * disk.max_iops / data.assumed.disk_operations);
    }
    if (type.max_connections !== null) limits.connections = open.map(time => headroom * type.max_connections * inEach / time);
    return limits;
  }
  const least = (limits, at) => Object.values(limits).reduce((smallest, one) => Math.min(smallest, one[at]), Infinity);
  function limiting(limits, cases) {
    const names = Object.keys(limits), counts = names.map(() => 0);
    for (let at = 0; at < cases; at++) {
      let scarcest = 0;
      names.forEach((name, place) => { if (limits[name][at] < limits[names[scarcest]][at]) scarcest = place; });
      counts[scarcest]++;
    }
    return names[counts.indexOf(Math.max(...counts))];
  }
  // The fewest spares that keep the promise, or those assumed where none do.
  function sparesFor(data, setting, carrying, promised) {
    const reached = spares => {
      const nodes = fleetFor(carrying, spares, setting.zones, data.assumed.fewest_nodes);
      return atLeast(carrying, nodes, data.assumed) * data.other_parts;
    };
    for (let spares = setting.spares; spares <= Math.max(setting.spares, data.most_spares); spares++) {
      const found = reached(spares);
      if (promised === null || found >= promised) return {spares, availability: found};
    }
    return {spares: setting.spares, availability: reached(setting.spares)};
  }
  // How many cases and hours need at least so many nodes, by that number.
  function hoursNeeding(nodes, hours, most) {
    const counts = new Float64Array(most + 2), levels = hours.length;
    for (let at = 0; at < nodes.length; at++) counts[nodes[at]] += hours[at % levels];
    for (let place = most; place >= 0; place--) counts[place] += counts[place + 1];
    return counts;
  }
  // Every way to buy nodes, the one with the least mean cost first; nodes are (cases, levels) in one row.
  function purchases(data, type, nodes, hours, cases) {
    let most = 0, fewest = Infinity;
    for (const one of nodes) { most = Math.max(most, one); fewest = Math.min(fewest, one); }
    const needing = hoursNeeding(nodes, hours, most), total = sum(hours), month = data.hours_per_month;
    const found = Object.entries(type.mix_spreads).map(([name, doubt]) => {
      const mix = data.mixes[name], hour = type.prices.hourly, spot = type.spot_factor === null ? 1 : type.spot_factor;
      const baseMonth = mix.base === "hourly" ? hour * month : type.prices[mix.base];
      const peakHour = hour * (1 - mix.spot_share * (1 - spot)), share = peakHour ? baseMonth / (month * peakHour) : 1;
      let base = fewest;
      if (mix.base !== "hourly") {
        base = Math.max(fewest, needing.subarray(1, most + 1).filter(one => one >= share * total * cases).length);
      }
      const factor = drawn(data, type.price, {low: 1 - doubt, mid: 1, high: 1 + doubt}), levels = hours.length;
      const cost = factor.map((one, at) => {
        let above = 0;
        for (let level = 0; level < levels; level++) above += hours[level] * Math.max(nodes[at * levels + level] - base, 0);
        return one * (base * baseMonth + above / total * month * peakHour);
      });
      return {name, base, cost, mean: sum(cost) / cases};
    });
    return found.sort((one, other) => one.mean - other.mean);
  }
  // What a month costs beside the nodes, by what is bought.
  function otherCosts(data, {nodes, cells, messages, sizes, wire, retry, rates, open}) {
    const {disk, balancer, egress, storage} = data.bought, month = data.hours_per_month, costs = {};
    if (disk) costs.disk = nodes.map(one => one * disk.per_node);
    if (balancer) {
      costs.balancer = rates.map((rate, at) => {
        const opened = rate * (1 + retry[at]) / data.wire.messages_per_connection;
        const units = Math.max(opened / balancer.unit_connections_per_s, opened * open[at] / balancer.unit_concurrent,
          3600 * rate * (1 + retry[at]) * wire[at] / balancer.unit_bytes_per_hour);
        return balancer.per_hour * month * cells + units * month * balancer.per_unit_hour;
      });
    }
    if (egress) {
      costs.egress = messages.map((one, at) =>
        Math.max(one * (1 + retry[at]) * wire[at] * egress.share - egress.free_bytes, 0) * egress.per_byte);
    }
    if (storage) {
      costs.storage = messages.map((one, at) => one * (storage.per_message
        + storage.share * (Math.max(sizes[at], storage.min_object_bytes) * storage.per_byte + storage.per_object)));
    }
    for (const name of Object.keys(costs)) {
      const factor = drawn(data, data.bought[name].price);
      costs[name] = costs[name].map((one, at) => one * factor[at]);
    }
    return costs;
  }
  function planned(data, place = 0) {
    const tier = data.tiers[place], {headroom, spares, zones} = data.assumed;
    return {tier: place, type: tier.type, rate_per_s: tier.rate_per_s, headroom, spares, zones,
      message_bytes: data.inputs.message_size.mid, retry: data.inputs.retry.mid, mix: ""};
  }
  function evaluate(data, setting) {
    const tier = data.tiers[setting.tier], type = data.types.find(one => one.name === setting.type);
    const cells = data.cell_rate_per_s === null || setting.rate_per_s <= data.cell_rate_per_s ? 1
      : Math.ceil(setting.rate_per_s / data.cell_rate_per_s * (1 - ROUNDING));
    const {message_size: size, retry: again} = data.inputs;
    const demand = drawn(data, "demand"), loss = drawn(data, "box_loss"), cases = demand.length;
    const sizes = drawn(data, "message_size", size, setting.message_bytes / size.mid);
    const retry = again.mid ? drawn(data, "retry", again, setting.retry / again.mid) : demand.map(() => setting.retry);
    const wire = sizes.map(one => wireBytes(one, data.wire)), nodeTime = drawn(data, "node_time");
    const open = drawn(data, "idle").map((one, at) => one + data.wire.messages_per_connection * nodeTime[at]);
    const peaks = tier.level_shares.map(share => setting.rate_per_s * share / cells), levels = peaks.length;
    const perCell = demand.map((one, at) => one * (1 + retry[at]));

    const limits = limitsOf(data, type, setting.headroom, wire, open), capacity = capacityOf(data, type);
    const peak = perCell[0] * peaks[levels - 1];
    const carrying = nodesNeeded(peak, Math.min(capacity[0] * setting.headroom, least(limits, 0)), loss[0]);
    const {deviation, grade} = beyond(data, type, peak, carrying, cells);
    const reach = drawn(data, "extrapolation", {low: Math.exp(-TAIL_DEVIATES * deviation), mid: 1, high: Math.exp(TAIL_DEVIATES * deviation)});
    const every = {cpu: capacity.map((one, at) => one * reach[at] * setting.headroom), ...limits};
    const {spares, availability} = sparesFor(data, setting, carrying, tier.promised);

    const nodes = new Int32Array(cases * levels), needed = new Float64Array(cases), fleets = new Float64Array(cases);
    const mean = new Float64Array(cases), hours = tier.level_hours, total = sum(hours);
    for (let at = 0; at < cases; at++) {
      const usable = least(every, at);
      for (let level = 0; level < levels; level++) {
        needed[at] = nodesNeeded(perCell[at] * peaks[level], usable, loss[at]);
        fleets[at] = cells * fleetFor(needed[at], spares, setting.zones, data.assumed.fewest_nodes);
        nodes[at * levels + level] = fleets[at];
        mean[at] += fleets[at] * hours[level] / total;
      }
    }
    const rates = demand.map(one => one * setting.rate_per_s * tier.mean_share);
    const messages = rates.map(one => one * data.hours_per_month * 3600);
    const bought = purchases(data, type, nodes, hours, cases);
    const way = bought.find(one => one.name === setting.mix) || bought[0];
    const parts = {compute: way.cost, ...otherCosts(data, {nodes: mean, cells, messages, sizes, wire, retry, rates, open})};
    const monthly = demand.map((_, at) => Object.values(parts).reduce((total, one) => total + one[at], 0));
    return {
      needed: spread(needed), nodes: spread(fleets), monthly: spread(monthly), cells, spares, availability, grade,
      per_million: spread(monthly.map((one, at) => one / messages[at] * 1e6)),
      parts: Object.fromEntries(Object.entries(parts).map(([name, one]) => [name, spread(one)])),
      promised: tier.promised, limiting: limiting(every, cases), mix: way.name, base_nodes: way.base,
      single_number: !["range only", "unsupported"].includes(grade),
    };
  }
  return {evaluate, planned};
})();

// The form: what it asks, and what it shows.
(() => {
  const NUMBERS = {rate_per_s: 1, message_bytes: 1024, retry: 0.01, headroom: 0.01, spares: 1, zones: 1};
  const short = value => value.toLocaleString("en", {maximumSignificantDigits: 3});
  const told = (words, values) => words.replace(/\{(\w+)\}/g, (_, name) => values[name]);

  function mount(form) {
    const {data, words} = JSON.parse(form.querySelector("script").textContent);
    const fields = form.elements, says = form.querySelector(".says"), body = form.querySelector("tbody");
    let asPlanned, first;

    // What is shown is rounded: a field that nobody touched stands for the exact value.
    function fill(place) {
      asPlanned = loadkitWhatIf.planned(data, place);
      first = loadkitWhatIf.evaluate(data, asPlanned);
      for (const name of ["tier", "type", "mix"]) fields[name].value = asPlanned[name];
      for (const [name, unit] of Object.entries(NUMBERS)) {
        fields[name].value = Number((asPlanned[name] / unit).toPrecision(4));
        fields[name].dataset.shown = fields[name].value;
      }
    }
    function setting() {
      const wanted = {...asPlanned, type: fields.type.value, mix: fields.mix.value};
      for (const [name, unit] of Object.entries(NUMBERS)) {
        if (fields[name].value !== fields[name].dataset.shown) wanted[name] = Number(fields[name].value) * unit;
      }
      return wanted;
    }
    function allow(type) {
      for (const option of fields.mix.options) option.disabled = option.value !== "" && !(option.value in type.mix_spreads);
      if (fields.mix.selectedOptions[0].disabled) fields.mix.value = "";
    }
    const range = (found, [low, middle, high]) => {
      const span = low === high ? short(low) : told(words.range, {low: short(low), high: short(high)});
      return found.single_number && low !== high ? `${short(middle)} (${span})` : span;
    };
    function bar(parent, [low, , high], most, kind) {
      const made = parent.appendChild(document.createElement("i"));
      made.className = kind;
      made.style.left = `${100 * low / most}%`;
      made.style.width = `${Math.max(100 * (high - low) / most, 0.5)}%`;
    }
    function row(name, pick, found, most) {
      const made = body.insertRow();
      made.appendChild(document.createElement("th")).textContent = name;
      made.cells[0].scope = "row";
      for (const one of [first, found]) made.insertCell().textContent = range(one, pick(one));
      const bars = made.insertCell().appendChild(document.createElement("div"));
      if (most === undefined) return;
      bars.className = "bars";
      bar(bars, pick(first), most, "planned");
      bar(bars, pick(found), most, "set");
    }
    function show() {
      form.querySelector("output").textContent = `${fields.headroom.value} %`;
      allow(data.types.find(one => one.name === fields.type.value));
      if (!form.checkValidity()) { says.textContent = words.invalid; return; }
      const found = loadkitWhatIf.evaluate(data, setting());
      const percent = share => `${Number((100 * share).toFixed(4))} %`;
      const kept = found.promised === null ? "none" : found.availability >= found.promised ? "kept" : "missed";
      says.textContent = told(words.says, {
        nodes: range(found, found.nodes), cost: range(found, found.monthly), grade: words.grades[found.grade],
        limiting: words.names[found.limiting] || found.limiting, spares: found.spares, mix: words.names[found.mix] || found.mix,
        availability: told(words[kept], {reached: percent(found.availability), promised: percent(found.promised)})});
      says.className = `says ${found.single_number && kept !== "missed" ? "good" : "warn"}`;
      body.replaceChildren();
      row(words.nodes, one => one.nodes, found);
      row(words.per_million, one => one.per_million, found);
      const most = Math.max(first.monthly[2], found.monthly[2]);
      for (const part of Object.keys(found.parts)) row(words.names[part] || part, one => one.parts[part], found, most);
      row(words.monthly, one => one.monthly, found, most);
    }
    let waiting = 0;
    form.addEventListener("input", event => {
      if (event.target === fields.tier) fill(Number(fields.tier.value));
      cancelAnimationFrame(waiting);
      waiting = requestAnimationFrame(show);
    });
    form.addEventListener("submit", event => event.preventDefault());
    fields.again.addEventListener("click", () => { fill(Number(fields.tier.value)); show(); });
    fill(0);
    show();
  }
  document.querySelectorAll("form.whatif").forEach(mount);
})();
