"""What a training costs in time, money and energy: forecast from earlier runs, and measured."""
