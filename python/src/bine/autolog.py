"""Logs what frameworks train, without a change to the program: ``bine.autolog()``.

Each framework is hooked when it is imported, or at once if it is already. A
fault of a hook is a warning and never one of the training. Of calls that call
each other (a pipeline that fits its steps) the outermost one is logged.
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import sys
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, Optional

from .track import log_metrics, log_params, log_tags

_inside = threading.local()
_done: set[str] = set()
_fits = 0


def autolog() -> None:
    """Logs params and metrics of scikit-learn, XGBoost, Keras and Lightning, those that the program imports."""
    for name, hook in HOOKS.items():
        if name in sys.modules:
            _apply(name, hook)
    if not any(isinstance(f, _Finder) for f in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(importlib.abc.MetaPathFinder):
    """Hooks a framework behind its import."""

    def find_spec(self, name: str, path: Optional[Sequence[str]], target: Optional[ModuleType] = None) -> Any:
        hook = HOOKS.get(name)
        if hook is None or name in _done:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                run = spec.loader.exec_module

                def loaded(module: ModuleType, run: Callable[[ModuleType], None] = run) -> None:
                    run(module)
                    _apply(name, hook)

                spec.loader.exec_module = loaded  # type: ignore[method-assign]
                return spec
        return None


def _apply(name: str, hook: Callable[[ModuleType], None]) -> None:
    if name not in _done:
        _done.add(name)
        _careful(hook, sys.modules[name])


def _careful(call: Callable[..., Any], *args: Any) -> Any:
    try:
        return call(*args)
    except Exception as e:  # whatever goes wrong here is not the program's affair
        warnings.warn(f"bine.autolog: {type(e).__name__}: {e}", stacklevel=3)
        return None


def _outermost(fit: Callable[..., Any], before: Callable[..., Any], after: Callable[..., Any]) -> Callable[..., Any]:
    """fit with what is done before, which may give other arguments, and after it."""

    @functools.wraps(fit)
    def wrapped(*args: Any, **named: Any) -> Any:
        if getattr(_inside, "fit", False):
            return fit(*args, **named)
        _inside.fit = True
        try:
            args, named = _careful(before, args, named) or (args, named)
            result = fit(*args, **named)
            _careful(after, args, named, result)
            return result
        finally:
            _inside.fit = False

    wrapped._bine = True  # type: ignore[attr-defined]
    return wrapped


def _prefix() -> str:
    """What stands before params of the second fit of a run and later ones: params are set once."""
    global _fits
    _fits += 1
    return "" if _fits == 1 else f"fit{_fits}."


def _plain(values: Mapping[str, Any]) -> dict[str, str]:
    return {str(k): str(v)[:1000] for k, v in values.items()}


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    out = {}
    for name, value in values.items():
        try:
            out[str(name)] = float(value)
        except (TypeError, ValueError):
            continue
    return out


def _sklearn(module: ModuleType) -> None:
    """Every class below BaseEstimator that has a fit of its own, now or later."""
    from sklearn.base import BaseEstimator

    def before(args: Any, named: Any) -> None:
        _inside.prefix = prefix = _prefix()
        model = args[0]
        log_tags({prefix + "estimator": type(model).__name__})
        log_params({prefix + k: v for k, v in _plain(model.get_params(deep=False)).items()})

    def after(args: Any, named: Any, result: Any) -> None:
        model, prefix = args[0], _inside.prefix
        given = [*args[1:], *(named[n] for n in ("X", "y") if n in named)]
        found = {}
        if hasattr(model, "best_score_"):
            found["best_cv_score"] = model.best_score_
            log_params({prefix + "best_" + k: v for k, v in _plain(model.best_params_).items()})
        elif len(given) > 1 and given[1] is not None and hasattr(model, "score"):
            found["training_score"] = model.score(given[0], given[1])
        if found:
            log_metrics({prefix + k: v for k, v in _numbers(found).items()})

    def hook(cls: type) -> None:
        fit = cls.__dict__.get("fit")
        if callable(fit) and not hasattr(fit, "_bine"):
            cls.fit = _outermost(fit, before, after)  # type: ignore[attr-defined]

    def all_below(cls: type) -> None:
        for below in cls.__subclasses__():
            hook(below)
            all_below(below)

    all_below(BaseEstimator)
    inherited = BaseEstimator.__init_subclass__.__func__

    def init_subclass(cls: type, **named: Any) -> None:
        inherited(cls, **named)
        hook(cls)

    BaseEstimator.__init_subclass__ = classmethod(init_subclass)


def _xgboost(module: ModuleType) -> None:
    """xgboost.train: its params, and what is evaluated in each round."""
    callback: Any = module.callback

    class Rounds(callback.TrainingCallback):  # type: ignore[misc]
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            found = {f"{data}-{name}": values[-1] for data, metrics in evals_log.items() for name, values in metrics.items()}
            if found:
                _careful(log_metrics, _numbers({k: v[0] if isinstance(v, tuple) else v for k, v in found.items()}), epoch)
            return False

    train = module.train

    @functools.wraps(train)
    def wrapped(params: Any, *args: Any, **named: Any) -> Any:
        if not getattr(_inside, "fit", False):
            prefix = _prefix()
            _careful(log_params, {prefix + k: v for k, v in _plain(dict(params)).items()})
        named["callbacks"] = [*(named.get("callbacks") or []), Rounds()]
        return train(params, *args, **named)

    for place in (module, module.training, sys.modules.get("xgboost.sklearn")):
        if place is not None and getattr(place, "train", None) is train:
            place.train = wrapped  # type: ignore[attr-defined]


def _keras(module: ModuleType) -> None:
    """Model.fit: its settings, and the logs of each epoch."""
    module_: Any = module

    class Epochs(module_.callbacks.Callback):  # type: ignore[misc, name-defined]
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            _careful(log_metrics, _numbers(logs or {}), epoch)

    def before(args: Any, named: Any) -> Any:
        prefix = _prefix()
        given = {k: v for k, v in named.items() if k in ("epochs", "batch_size", "validation_split")}
        optimizer = getattr(args[0], "optimizer", None)
        if optimizer is not None:
            given.update(optimizer=type(optimizer).__name__, **_numbers({"learning_rate": optimizer.learning_rate}))
        log_params({prefix + k: v for k, v in _plain(given).items()})
        return args, {**named, "callbacks": [*(named.get("callbacks") or []), Epochs()]}

    module_.Model.fit = _outermost(module_.Model.fit, before, lambda *_: None)


def _lightning(module: ModuleType) -> None:
    """Trainer.fit: the module's hyperparameters, and its metrics after each epoch."""
    module_: Any = module

    class Epochs(module_.Callback):  # type: ignore[misc, name-defined]
        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            _careful(log_metrics, _numbers(trainer.callback_metrics), trainer.current_epoch)

    def before(args: Any, named: Any) -> None:
        trainer, model = args[0], args[1] if len(args) > 1 else named.get("model")
        prefix = _prefix()
        log_params({prefix + k: v for k, v in _plain(dict(getattr(model, "hparams", {}))).items()})
        trainer.callbacks.append(Epochs())

    module_.Trainer.fit = _outermost(module_.Trainer.fit, before, lambda *_: None)


HOOKS: dict[str, Callable[[ModuleType], None]] = {
    "sklearn.base": _sklearn,
    "xgboost": _xgboost,
    "keras": _keras,
    "lightning.pytorch": _lightning,
    "pytorch_lightning": _lightning,
}
