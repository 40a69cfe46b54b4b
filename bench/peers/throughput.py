"""PyTorch on the cases of bench/throughput/cases.ts (argument: JSON), eager, as its users write it: one JSON line for each case."""

import json
import sys
import time

import torch
from torch import nn

SECONDS = 1.5
MOST_STEPS = 2000


def model_of(case):
    kind = case["model"]["kind"]
    if kind == "cnn":
        layers, channels, side = [], 1, 28
        for filters in case["model"]["filters"]:
            layers += [nn.Conv2d(channels, filters, case["model"]["kernel"], padding="same"), nn.MaxPool2d(2), nn.Tanh()]
            channels, side = filters, side // 2
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * side * side, 1))
    sizes = [case["inputs"], *case["model"].get("hidden", []), 1]
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [nn.Linear(inputs, outputs), nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def optimizer_of(case, parameters):
    optimizer = case["optimizer"]
    rate = float(optimizer["learningRate"])
    if optimizer["name"] == "adam":
        return torch.optim.Adam(parameters, lr=rate)
    return torch.optim.SGD(parameters, lr=rate)


def rows_of(case, rows):
    labels = torch.arange(rows).remainder(2).to(torch.float32)
    if case["model"]["kind"] == "cnn":
        return torch.randint(0, 251, (rows, 1, 28, 28), dtype=torch.uint8), labels
    return torch.rand(rows, case["inputs"]), labels


def measure(case, rows):
    features, labels = rows_of(case, rows)
    model = model_of(case)
    optimizer = optimizer_of(case, model.parameters())
    loss_of = nn.BCEWithLogitsLoss()
    size = case["batchSize"]

    def train(steps):
        clock, processor = time.perf_counter(), time.process_time()
        order = torch.randperm(rows)
        for step in range(steps):
            start = step * size % (rows - size + 1)
            batch = order[start : start + size]
            inputs = features[batch]
            if inputs.dtype == torch.uint8:
                inputs = inputs.to(torch.float32) / 255
            optimizer.zero_grad()
            loss = loss_of(model(inputs).reshape(-1), labels[batch])
            loss.backward()
            optimizer.step()
            loss.item()
        return time.perf_counter() - clock, time.process_time() - processor

    train(1)
    five, _ = train(5)
    steps = min(MOST_STEPS, max(1, round(SECONDS / (five / 5))))
    clock, processor = train(steps)
    engine = f"PyTorch {torch.__version__}, threads: {torch.get_num_threads()}, Python {sys.version.split()[0]}"
    samples = size * steps
    print(json.dumps({"engine": engine, "id": case["id"], "byClock": samples / clock, "byProcessor": samples / processor}))


def main():
    asked = json.loads(sys.argv[1])
    torch.manual_seed(1)
    torch.set_num_threads(asked["threads"])
    for case in asked["cases"]:
        measure(case, asked["rows"])


main()
