def hello(name: str, times: int = 1) -> str:
    """Greets somebody.

    Args:
        name: who is greeted
        times: how often; once unless given
    """
    return f"Hello, {name}! " * times
