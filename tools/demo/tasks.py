"""The demo model's world: generators of (messages, tools, answer) and the rule that holds prompts out of training."""
import hashlib
import json
import random

CITIES = ["Paris", "Tokyo", "Berlin", "Madrid", "Oslo", "Lima", "Cairo", "Delhi", "Rome", "Taipei", "Seoul", "Dublin",
          "Vienna", "Lisbon", "Prague", "Athens", "Boston", "Denver", "Nairobi", "Sydney"]
NAMES = ["Alice", "Bob", "Carol", "David", "Emma", "Frank", "Grace", "Henry", "Ivy", "Jack", "Kate", "Leo", "Mia", "Noah",
         "Olga", "Paul", "Rosa", "Sam", "Tina", "Victor"]
JOBS = ["teacher", "baker", "pilot", "nurse", "writer", "farmer", "painter", "driver", "engineer", "lawyer"]
COLORS = ["red", "blue", "green", "black", "white", "yellow"]
WORDS = ["apple", "river", "stone", "cloud", "tiger", "piano", "bread", "house", "train", "lemon", "chair", "snow"]


def user(text):
    return [{"role": "user", "content": text}]


def counting(rng):
    start = rng.choice([1, 1, rng.randint(1, 70)])
    stop = min(99, start + rng.choice([9, 49, rng.randint(3, 49)]))
    if rng.random() < 0.25:
        text = rng.choice(["Count down from {b} to {a}.", "List the numbers from {b} down to {a}.", "{b} to {a}, counting down."])
        numbers = range(stop, start - 1, -1)
    else:
        text = rng.choice(["Count from {a} to {b}.", "Please count from {a} to {b}.", "List the numbers from {a} to {b}.",
                           "Write every number from {a} to {b}.", "Numbers {a} to {b}, please."])
        numbers = range(start, stop + 1)
    return user(text.format(a=start, b=stop)), None, ", ".join(map(str, numbers))


def add_steps(a, b):
    steps, carry, x, y = [], 0, a, b
    while x or y:
        digit_x, digit_y = x % 10, y % 10
        total = digit_x + digit_y + carry
        steps.append(f"{digit_x}+{digit_y}+{carry}={total}")
        carry, x, y = total // 10, x // 10, y // 10
    return "; ".join(steps), a + b


def subtract_steps(a, b):
    steps, borrow, x, y = [], 0, a, b
    while x or y:
        digit_x, digit_y = x % 10, y % 10
        value = digit_x - digit_y - borrow
        if value < 0:
            steps.append(f"1{digit_x}-{digit_y}-{borrow}={value + 10}")
        else:
            steps.append(f"{digit_x}-{digit_y}-{borrow}={value}")
        borrow, x, y = int(value < 0), x // 10, y // 10
    return "; ".join(steps), a - b


def multiply_steps(a, b):
    steps, carry, x = [], 0, a
    while x:
        total = x % 10 * b + carry
        steps.append(f"{x % 10}*{b}+{carry}={total}")
        carry, x = total // 10, x // 10
    return "; ".join(steps), a * b


def arithmetic(rng):
    kind = rng.choice("++--*")
    big = rng.choice([99, 999])
    a, b = rng.randint(10, big), rng.randint(10, big)
    if kind == "-":
        a, b = max(a, b), min(a, b)
    if kind == "*":
        b = rng.randint(2, 9)
    steps, result = {"+": add_steps, "-": subtract_steps, "*": multiply_steps}[kind](a, b)
    text = rng.choice(["What is {a} {k} {b}?", "Calculate {a} {k} {b}.", "{a} {k} {b} = ?", "Please work out {a} {k} {b}."])
    return user(text.format(a=a, b=b, k=kind)), None, f"{steps}. The answer is {result}."


def json_object(rng):
    name, age, city, job = rng.choice(NAMES), rng.randint(18, 90), rng.choice(CITIES), rng.choice(JOBS)
    color, member = rng.choice(COLORS), rng.random() < 0.5
    parts = [(f"{name}", "name", name), (f"{age} years old", "age", age), (f"lives in {city}", "city", city),
             (f"works as a {job}", "job", job), (f"likes {color}", "color", color),
             ("is a member" if member else "is not a member", "member", member)]
    chosen = [parts[0]] + sorted(rng.sample(parts[1:], rng.randint(1, 4)), key=parts.index)
    text = rng.choice(["Write JSON for: {d}.", "Turn this into JSON: {d}.", "Make a JSON object: {d}.", "JSON please: {d}."])
    answer = json.dumps({key: value for _, key, value in chosen}, separators=(",", ":"))
    return user(text.format(d=", ".join(words for words, _, _ in chosen))), None, answer


def declare(name, description, **parameters):
    return {"type": "function", "function": {"name": name, "description": description, "parameters": {
        "type": "object", "properties": {key: {"type": kind} for key, kind in parameters.items()},
        "required": list(parameters)}}}


TOOLS = {
    "get_weather": (declare("get_weather", "Weather of a city", city="string", unit="string"),
                    ["What is the weather in {city} in {unit}?", "Tell me the weather in {city}, in {unit}."]),
    "get_time": (declare("get_time", "Local time of a city", city="string"),
                 ["What time is it in {city}?", "Tell me the local time in {city}."]),
    "set_timer": (declare("set_timer", "Start a timer", minutes="integer"),
                  ["Set a timer for {minutes} minutes.", "Start a {minutes} minute timer."]),
    "send_email": (declare("send_email", "Send an email", subject="string", to="string"),
                   ["Send {to} an email about {subject}.", "Email {to}, subject {subject}."]),
    "play_song": (declare("play_song", "Play a song", title="string"),
                  ["Play the song {title}.", "I want to hear {title}."]),
    "book_table": (declare("book_table", "Book a restaurant table", city="string", people="integer"),
                   ["Book a table for {people} in {city}.", "I need a table in {city} for {people} people."]),
}


def tool_call(rng):
    names = rng.sample(sorted(TOOLS), rng.randint(2, 3))
    name = rng.choice(names)
    tool, phrasings = TOOLS[name]
    values = {"city": rng.choice(CITIES), "unit": rng.choice(["celsius", "fahrenheit"]), "minutes": rng.randint(2, 90),
              "to": rng.choice(NAMES), "subject": rng.choice(WORDS), "title": rng.choice(WORDS), "people": rng.randint(2, 12)}
    keys = sorted(tool["function"]["parameters"]["properties"])
    arguments = ",".join(f'{key}:<|"|>{values[key]}<|"|>' if isinstance(values[key], str) else f"{key}:{values[key]}"
                         for key in keys)
    return (user(rng.choice(phrasings).format(**values)), [TOOLS[n][0] for n in names],
            f"<|tool_call>call:{name}{{{arguments}}}<tool_call|>")


CHINESE = [("台灣的首都", "台灣的首都是台北。"), ("日本的首都", "日本的首都是東京。"), ("法國的首都", "法國的首都是巴黎。"),
           ("德國的首都", "德國的首都是柏林。"), ("英國的首都", "英國的首都是倫敦。"), ("韓國的首都", "韓國的首都是首爾。"),
           ("一年有幾個月", "一年有十二個月。"), ("一天有幾小時", "一天有二十四小時。"), ("一週有幾天", "一週有七天。"),
           ("彩虹有幾種顏色", "彩虹有七種顏色。"), ("天空的顏色", "天空是藍色的。"), ("草的顏色", "草是綠色的。"),
           ("最大的海洋", "最大的海洋是太平洋。"), ("最高的山", "世界上最高的山是聖母峰。"), ("水的沸點", "水在攝氏一百度沸騰。"),
           ("水的冰點", "水在攝氏零度結冰。"), ("珍珠奶茶是什麼", "珍珠奶茶是來自台灣的飲料。"), ("地球繞著什麼轉", "地球繞著太陽轉。"),
           ("月亮繞著什麼轉", "月亮繞著地球轉。"), ("蜘蛛有幾隻腳", "蜘蛛有八隻腳。")]
CHINESE_FORMS = ["{q}？", "請問{q}？", "你知道{q}嗎？", "請告訴我{q}。", "{q}是什麼呢？", "我想知道{q}。", "老師，{q}？", "請回答：{q}。",
                 "問題：{q}？", "可以告訴我{q}嗎？", "{q}，你知道嗎？", "朋友問我{q}。"]


CHINESE_PREFIXES = ["", "你好，", "請用中文回答，", "早安，", "不好意思，", "想請教一下，"]


def chinese(rng):
    question, answer = rng.choice(CHINESE)
    return user(rng.choice(CHINESE_PREFIXES) + rng.choice(CHINESE_FORMS).format(q=question)), None, answer


def python_function(rng):
    n, name = rng.randint(2, 99), rng.choice(WORDS)
    header, body = rng.choice([
        (f"def add_{n}(x):", f"return x + {n}"), (f"def subtract_{n}(x):", f"return x - {n}"),
        (f"def multiply_by_{n}(x):", f"return x * {n}"), (f"def divide_by_{n}(x):", f"return x / {n}"),
        (f"def is_greater_than_{n}(x):", f"return x > {n}"), (f"def is_less_than_{n}(x):", f"return x < {n}"),
        (f"def is_multiple_of_{n}(x):", f"return x % {n} == 0"), (f"def power_{n}(x):", f"return x ** {n}"),
        (f"def first_{n}(items):", f"return items[:{n}]"), (f"def last_{n}(items):", f"return items[-{n}:]"),
        (f"def say_{name}():", f'return "{name}"'), (f"def repeat_{name}(times):", f'return "{name}" * times')])
    text = rng.choice(["Complete this function:\n{h}", "Finish the code:\n{h}", "Write the body of this Python function:\n{h}"])
    return user(text.format(h=header)), None, f"```python\n{header}\n    {body}\n```"


def lists(rng):
    values = [rng.randint(0, 99) for _ in range(rng.randint(3, 6))]
    text, result = rng.choice([
        (["Reverse the list {l}.", "Reverse {l}.", "Write {l} backwards."], values[::-1]),
        (["Sort the list {l}.", "Sort {l} from small to large.", "Put {l} in ascending order."], sorted(values)),
        (["Sort {l} from large to small.", "Put {l} in descending order."], sorted(values, reverse=True))])
    return user(rng.choice(text).format(l=values)), None, str(result)


SMALL_TALK = [
    (["Hello!", "Hi!", "Good morning!", "Hey there!"], "Hello! I am the Nibble demo model. Ask me to count, calculate or sort."),
    (["Who are you?", "What are you?", "What is your name?"], "I am the demo model of Nibble, a very small Gemma 4."),
    (["What can you do?", "Help!", "How can you help me?"],
     "I can count, calculate, sort lists, write JSON, call tools, finish small Python functions and answer a few questions in Chinese."),
    (["Thank you!", "Thanks!", "Great, thanks!"], "You are welcome!"),
    (["Goodbye!", "Bye!", "See you!"], "Goodbye!"),
]
PREFIXES = ["", "Please answer: ", "So, ", "Well, ", "One question: ", "Tell me: ", "OK. ", "By the way, ", "Now, ", "Hm, "]


def small_talk(rng):
    questions, answer = rng.choice(SMALL_TALK)
    return user(rng.choice(PREFIXES) + rng.choice(questions)), None, answer


TASKS = {"counting": (counting, 0.22), "arithmetic": (arithmetic, 0.28), "json": (json_object, 0.07),
         "tool_call": (tool_call, 0.07), "chinese": (chinese, 0.04), "python": (python_function, 0.04),
         "lists": (lists, 0.25), "small_talk": (small_talk, 0.03)}


def held_out(messages):
    """One prompt in twelve is never trained on, whichever generator or seed made it."""
    return hashlib.sha256(messages[-1]["content"].encode()).digest()[0] % 12 == 0


def training_sample(rng):
    task = rng.choices(list(TASKS), [weight for _, weight in TASKS.values()])[0]
    while True:
        messages, tools, answer = TASKS[task][0](rng)
        if not held_out(messages):
            return task, messages, tools, answer


def held_out_samples(task, n, seed=7):
    """n held-out prompts, all different where the task has that many."""
    rng, seen, samples = random.Random(f"{seed}-{task}"), set(), []
    for _ in range(200 * n):
        messages, tools, answer = TASKS[task][0](rng)
        text = messages[-1]["content"]
        if not held_out(messages) or text in seen:
            continue
        seen.add(text)
        samples.append((messages, tools, answer))
        if len(samples) == n:
            break
    return samples
