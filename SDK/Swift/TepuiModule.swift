import CTepui
